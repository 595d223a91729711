import type { Client, DatabaseError } from "pg";
import type { Node } from "libpg-query";
import { lineAt } from "../lines";
import { nameOf, shown, type RangeVar } from "./identifiers";
import { ownTransaction } from "./locks";
import { as, nodeType, walk } from "./nodes";
import type { LockTaken, Observation, Opaque } from "./observation";
import { effectOutside } from "./outside";
import { dml, RunCode } from "./run-code";
import { redactSql } from "./sensitive";
import type { Statement } from "./statement";

/** A step that the shadow cannot tell the outcome of, or that cannot succeed. */
export class StepFailure extends Error {
    constructor(
        /** For Observation.reason. */
        readonly reason: string,
        readonly wouldFail?: NonNullable<Observation["wouldFail"]>,
    ) {
        super(reason);
    }
}

/**
 * SQLSTATEs that do not depend on rows or circumstances: syntax and access rules, dependent objects, features, names, limits.
 * Source: appendix A of the manual. 42501 depends on who runs it; 55P04 is the use of a new enum value before its commit.
 */
const certain = /^(?!42501)(?:42|2B|0A|3F|0L|26|34|3B|25001|54|55P04)/;

const maintenance = ["VacuumStmt"];
/** Runs the statements of one step after another on a shadow, leaving out what must not or need not run there. */
export class ShadowRunner {
    /** What this step does that cannot be seen. */
    readonly opaque: Opaque[] = [];
    /** Locks of statements whose own cannot be read, because they commit by themselves or did not run. */
    readonly locks: LockTaken[] = [];
    readonly rewrites: string[] = [];
    /** Storage of tables right after a TRUNCATE, by catalog id: a truncated table is not a rewritten one. */
    readonly storage = new Map<string, string>();
    /** Roles that skipped statements would have made. */
    private readonly roles = new Set<string>();
    /** Whether the shadow may lack something that the database will have. */
    private uncertain = false;
    private cluster = "";
    private readonly code: RunCode;

    constructor(
        private readonly client: Client,
        private reachesOut: boolean,
    ) {
        this.code = new RunCode(client);
    }

    beginStep(): void {
        this.opaque.length = 0;
        this.locks.length = 0;
        this.rewrites.length = 0;
        this.storage.clear();
        this.code.forget();
    }

    /** REPEATABLE READ: the look at roles and databases must not see what others change meanwhile. */
    async begin(): Promise<void> {
        await this.client.query("BEGIN ISOLATION LEVEL REPEATABLE READ");
        this.cluster = await this.readCluster();
    }

    /** @throws StepFailure */
    async run(statement: Statement): Promise<void> {
        const type = nodeType(statement.node);
        const alone = effectOutside(statement);
        const { outside, defines } =
            alone === undefined ? await this.lookIntoCode(statement) : { outside: alone, defines: false };
        if (outside !== undefined) {
            this.skip(statement, `${outside} acts outside this database`);
            return;
        }
        if (maintenance.includes(type)) {
            return this.addOwnTransaction(statement);
        }
        if (isSession(statement)) return;
        if (type === "CopyStmt" || type === "ExecuteStmt") {
            if (type === "ExecuteStmt")
                this.opaque.push({ line: statement.line, why: "EXECUTE of a prepared statement" });
            else await this.lookAtRows(statement, defines);
            return;
        }
        if (type === "ExplainStmt") return this.explain(statement);
        if (/^Create(?:ForeignServer|UserMapping|ForeignTable)Stmt$/.test(type)) this.reachesOut = true;
        const role = [...this.roles].find((name) => statement.sql.toLowerCase().includes(name.toLowerCase()));
        if (role !== undefined) return this.tryWithoutRole(statement, role);
        await this.lookAtRows(statement, defines);
        if (type === "TruncateStmt") return this.truncate(statement);
        await this.execute(statement, isRunHere(statement) ? statement.sql : `EXPLAIN ${statement.sql}`);
    }

    /** Rows are not changed here; what triggers and rules would do is told from their code. */
    private async lookAtRows(statement: Statement, codeDefines: boolean): Promise<void> {
        const { losing, defines } = await this.code.onRows(statement);
        this.addLosing(statement, losing);
        this.addLosing(statement, await this.code.onDefinitions(statement, defines || codeDefines));
    }

    /** What a statement that commits by itself locks and rewrites cannot be read afterwards. */
    async addOwnTransaction(statement: Statement): Promise<void> {
        const { locks, rewrites } = ownTransaction(statement);
        if (locks.length === 0) return;
        for (const relation of await this.namesOf(locks)) this.locks.push({ mode: "ACCESS EXCLUSIVE", relation });
        this.rewrites.push(...(await this.namesOf(rewrites)));
    }

    /** Names as observations have them, of relations with their partitions. */
    private async namesOf(ranges: readonly RangeVar[]): Promise<string[]> {
        const { rows } = await this.client.query<{ name: string }>({
            text: `SELECT CASE n.nspname WHEN 'public' THEN '' ELSE quote_ident(n.nspname) || '.' END || quote_ident(c.relname) AS name
                     FROM unnest($1::text[]) AS written, LATERAL (SELECT to_regclass(written) AS oid
                          UNION SELECT relid FROM pg_catalog.pg_partition_tree(to_regclass(written))) AS tree
                     JOIN pg_catalog.pg_class c ON c.oid = tree.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace`,
            values: [ranges.map((range) => shown(nameOf(range)))],
        });
        return rows.map(({ name }) => name);
    }

    private skip(statement: Statement, why: string): void {
        this.opaque.push({ line: statement.line, why });
        // Code and queries could have made anything; the others only touch what no schema holds.
        if (
            ["DoStmt", "CallStmt", "SelectStmt", "CreateTableAsStmt", "ImportForeignSchemaStmt"].includes(
                nodeType(statement.node),
            )
        )
            this.uncertain = true;
        const role = as<{ role?: string }>(statement.node, "CreateRoleStmt")?.role;
        if (role !== undefined) this.roles.add(role);
    }

    private async execute(statement: Statement, sql: string): Promise<void> {
        try {
            await this.client.query(sql);
        } catch (error) {
            throw this.failure(error, statement, sql);
        }
    }

    /** A role that the plan itself makes is not there yet: what names it is tried, and left out when only the role is missing. */
    private async tryWithoutRole(statement: Statement, role: string): Promise<void> {
        await this.client.query("SAVEPOINT schemaward_role");
        try {
            await this.client.query(statement.sql);
            await this.client.query("RELEASE SAVEPOINT schemaward_role");
        } catch (error) {
            if ((error as DatabaseError).code !== "42704") throw this.failure(error, statement, statement.sql);
            await this.client.query("ROLLBACK TO SAVEPOINT schemaward_role; RELEASE SAVEPOINT schemaward_role");
            this.opaque.push({ line: statement.line, why: `needs role ${role}, which this plan makes` });
        }
    }

    private addLosing({ line }: Statement, whys: readonly string[]): void {
        for (const why of whys) this.opaque.push({ line, why, mayTakeRows: true });
    }

    /** Says what code does that a statement runs. @returns why it must not run, and whether its code makes, changes or drops objects */
    private async lookIntoCode(
        statement: Statement,
        isRun = isRunHere(statement),
    ): Promise<{ outside?: string; defines: boolean }> {
        const { outside, hidden, reads, defines } = await this.code.run(statement, this.reachesOut, isRun);
        if (outside !== undefined) return { outside, defines };
        this.addLosing(statement, hidden);
        // What it makes may depend on rows, which the shadow has not.
        if (reads && !dml.includes(nodeType(statement.node))) this.uncertain = true;
        return { defines };
    }

    /** EXPLAIN ANALYZE runs what it explains. */
    private async explain(statement: Statement): Promise<void> {
        const explained = as<{ query?: Node; options?: Node[] }>(statement.node, "ExplainStmt");
        const analyze = (explained?.options ?? []).some(
            (o) => as<{ defname?: string }>(o, "DefElem")?.defname === "analyze",
        );
        if (explained?.query === undefined) return;
        const { query } = explained;
        const type = nodeType(query);
        const inner = { ...statement, node: query };
        // To plan it, what is IMMUTABLE is called with constants.
        const { outside, defines } = await this.lookIntoCode(inner, false);
        if (outside !== undefined)
            this.opaque.push({ line: statement.line, why: `${outside} acts outside this database` });
        if (!analyze) return;
        await this.lookAtRows(inner, defines);
        if (![...dml, "SelectStmt"].includes(type))
            this.opaque.push({ line: statement.line, why: "EXPLAIN ANALYZE runs what it explains" });
    }

    private async truncate(statement: Statement): Promise<void> {
        const before = await this.readStorage();
        await this.execute(statement, statement.sql);
        for (const [id, storage] of await this.readStorage())
            if (before.get(id) !== storage) this.storage.set(id, storage);
    }

    private async readStorage(): Promise<Map<string, string>> {
        const { rows } = await this.client.query<{ id: string; storage: string }>(
            "SELECT 'pg_class/' || oid || '/0' AS id, relfilenode::text AS storage FROM pg_catalog.pg_class WHERE relkind IN ('r', 'm') AND oid >= 16384",
        );
        return new Map(rows.map(({ id, storage }) => [id, storage]));
    }

    /** Second guard: whatever way it took, a step that changed roles or databases is undone. @throws StepFailure */
    async checkCluster(unit: readonly Statement[]): Promise<void> {
        if ((await this.readCluster()) === this.cluster) return;
        throw new StepFailure(
            `line ${unit[0]?.line ?? 1} and following: code in it changes roles or databases, outside this database`,
        );
    }

    /** A DROP DATABASE elsewhere writes -2 into datconnlimit in place, which every snapshot sees: it counts as -1, no limit. */
    private async readCluster(): Promise<string> {
        // DROP DATABASE of somebody else sets datconnlimit to -2 in place, which every snapshot sees.
        const { rows } = await this.client.query<{ hash: string }>(
            `SELECT md5(concat_ws('|', (SELECT string_agg(r::text, ',' ORDER BY oid) FROM pg_catalog.pg_roles r),
                (SELECT string_agg(m::text, ',' ORDER BY roleid, member) FROM pg_catalog.pg_auth_members m),
                (SELECT string_agg(s::text, ',' ORDER BY setdatabase, setrole) FROM pg_catalog.pg_db_role_setting s),
                (SELECT string_agg(concat_ws(' ', oid, datname, datdba, datacl, datallowconn, greatest(datconnlimit, -1)), ',' ORDER BY oid) FROM pg_catalog.pg_database))) AS hash`,
        );
        return rows[0]?.hash ?? "";
    }

    /** What an error on the shadow means. An error that is no answer of the server is thrown as it is. */
    failure(error: unknown, statement: Statement | undefined, sent: string): unknown {
        const { code, message: text } = error as Partial<DatabaseError>;
        if (code === undefined || text === undefined || !/^[0-9A-Z]{5}$/.test(code) || code.startsWith("08"))
            return error;
        const line = statement === undefined ? 1 : lineOfError(error as DatabaseError, statement, sent);
        const isCertain = certain.test(code) && !this.uncertain;
        const message = redactSql(text);
        return new StepFailure(
            `line ${line}, on the shadow: ${message} (${code})`,
            isCertain ? { line, sqlstate: code, message } : undefined,
        );
    }
}

/** What only concerns the session or the transaction's mode, and is not the same on the shadow. */
function isSession({ node }: Statement): boolean {
    const name = as<{ name?: string }>(node, "VariableSetStmt")?.name?.toLowerCase() ?? "";
    return name === "role" || name === "session_authorization" || name.startsWith("transaction");
}

/** What changes rows is only explained, and so are its functions; COPY is left out. */
function isRunHere(statement: Statement): boolean {
    const type = nodeType(statement.node);
    return !dml.includes(type) && type !== "CopyStmt" && !(type === "SelectStmt" && modifiesRows(statement));
}

function modifiesRows(statement: Statement): boolean {
    let found = false;
    walk(statement.node, (type) => {
        if (dml.includes(type)) found = true;
    });
    return found;
}

/** The script's line that an error is about: its position, or the line within a DO block, or the statement's first. */
function lineOfError(error: DatabaseError, statement: Statement, sent: string): number {
    const added = sent.length - statement.sql.length;
    if (error.position !== undefined && error.internalQuery === undefined) {
        const units = [...sent].slice(0, Number(error.position) - 1).join("").length;
        return statement.line + lineAt(statement.sql, Math.max(0, units - added)) - 1;
    }
    const inner = /inline_code_block line (\d+)/.exec(error.where ?? "")?.[1];
    const quote = /\$\w*\$|'/.exec(statement.sql);
    if (inner === undefined || quote === null) return statement.line;
    return statement.line + lineAt(statement.sql, quote.index) - 1 + Number(inner) - 1;
}
