import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type Declaration, defaultPolicy, defaultRunSettings } from "../../core/declaration";
import { buildPlan } from "../../core/plan/build";
import type { ObserveMode } from "../../core/plan/observe-steps";
import type { Plan } from "../../core/plan/plan";
import type { RunEvent } from "../../core/run/events";
import type { RunOptions, RunResult } from "../../core/run/options";
import { type Resolved, resolveHistory } from "../../core/run/resolve";
import { migrate } from "../../core/run/run";
import type { TestServer } from "./postgres";

/** A folder with a set of migrations in `migrations/`, and a database it is for. */
export class TestProject {
    readonly dir = mkdtempSync(join(tmpdir(), "schemaward-project-"));
    readonly events: RunEvent[] = [];

    constructor(
        readonly server: TestServer,
        readonly database: string,
    ) {}

    /** Writes files below the set's folder; `null` removes one. */
    write(files: Readonly<Record<string, string | null>>): this {
        for (const [name, content] of Object.entries(files)) {
            const file = join(this.dir, "migrations", name);
            mkdirSync(dirname(file), { recursive: true });
            if (content === null) rmSync(file);
            else writeFileSync(file, content);
        }
        return this;
    }

    /** Adds `NNN_mN.sql` with its rollback. */
    migration(version: string, up: string, down?: string): this {
        return this.write({
            [`${version}_m${Number(version)}.sql`]: up,
            ...(down === undefined ? {} : { [`rollback/${version}_down.sql`]: down }),
        });
    }

    declaration(version: string, more: Partial<Declaration> = {}): Declaration {
        return {
            set: "app",
            migrations: { dir: "migrations", format: "numbered" },
            version,
            connection: { url: this.server.url(this.database) },
            history: { mirror: "schema_migrations" },
            snapshot: { required: false },
            policy: { ...defaultPolicy, approval: "never" },
            run: defaultRunSettings,
            ...more,
        };
    }

    async plan(version: string, more: Partial<Declaration> = {}, observe: ObserveMode = "full"): Promise<Plan> {
        return (await buildPlan(this.declaration(version, more), { projectDir: this.dir, observe, looseVersion: true }))
            .plan;
    }

    async migrate(
        version: string,
        more: Partial<Declaration> = {},
        options: Partial<RunOptions> = {},
    ): Promise<RunResult> {
        return migrate(this.declaration(version, more), {
            projectDir: this.dir,
            looseVersion: true,
            observe: "quick",
            waitMs: 0,
            report: (event) => this.events.push(event),
            ...options,
        });
    }

    async resolve(
        version: string,
        state: "applied" | "rolled-back",
        more: Partial<Declaration> = {},
    ): Promise<Resolved> {
        return resolveHistory(this.declaration("latest", more), this.dir, version, state);
    }

    /** Rows of the last statement, as arrays of text. */
    async query(sql: string): Promise<(string | null)[][]> {
        return this.server.withClient(this.database, async (client) => {
            const answer: unknown = await client.query({ text: sql, rowMode: "array" });
            const last = (Array.isArray(answer) ? answer.at(-1) : answer) as { rows: unknown[][] };
            return last.rows.map((row) =>
                row.map((v) => (v === null ? null : String(v as string | number | boolean | Date))),
            );
        });
    }

    /** How many other sessions are at a script that says `pg_sleep(SECONDS)`. */
    async sleeping(seconds: number): Promise<number> {
        const [[count] = []] = await this.query(
            `SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(${seconds})%' AND pid <> pg_backend_pid()`,
        );
        return Number(count);
    }

    /** The ledger's versions in the order of applying. */
    async applied(): Promise<string[]> {
        const rows = await this.query("SELECT version FROM schemaward.migrations ORDER BY seq");
        return rows.map(([version]) => version ?? "");
    }

    remove(): void {
        rmSync(this.dir, { recursive: true, force: true });
    }
}
