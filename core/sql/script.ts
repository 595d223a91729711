import { BadInputError } from "../errors";
import { firstLine } from "../lines";
import { as, nodeType, walk } from "./nodes";
import type { Statement } from "./statement";

/** A run of statements that is committed at once, with the row that records it. */
export interface Unit {
    readonly statements: readonly Statement[];
    /** False: one statement that cannot run in a transaction block. */
    readonly transactional: boolean;
    /** The script's own words after BEGIN: `ISOLATION LEVEL SERIALIZABLE`. */
    readonly beginOptions: string;
}

/** How a script is run. One unit: all or nothing, together with the ledger's row. More: each with its progress row. */
export interface ScriptShape {
    readonly units: readonly Unit[];
    /** Why there is more than one unit, or one outside a transaction. */
    readonly reason?: string;
}

const annotation = /^[ \t]*--[ \t]*schemaward:[ \t]*no-transaction[ \t]*$/m;

/**
 * Decides the transactions of a script. One BEGIN…COMMIT around the file is honoured; a script without any gets one.
 * @throws BadInputError for transaction control that nothing sensible can be made of
 */
export function shapeScript(statements: readonly Statement[], sql: string, file: string): ScriptShape {
    const blocks = splitBlocks(statements, file);
    const outside = blocks.filter((b) => !b.block);
    for (const { statements: inside } of blocks.filter((b) => b.block)) {
        const first = inside.find((s) => whyNoTransaction(s) !== undefined);
        if (first !== undefined) {
            throw new BadInputError({
                what: `${whyNoTransaction(first) ?? ""} cannot run between BEGIN and COMMIT.`,
                where: { file, line: first.line },
                state: "Nothing was touched.",
                next: "Take it out of the block.",
            });
        }
    }
    const reason = whySeveral(blocks, outside, sql);
    if (reason === undefined) {
        const all = blocks.flatMap((b) => b.statements);
        return {
            units: [{ statements: all, transactional: true, beginOptions: blocks.find((b) => b.block)?.options ?? "" }],
        };
    }
    // Where the script asks for it, a procedure may commit; within our BEGIN it could not.
    const mayCommit = (s: Statement): boolean => annotation.test(sql) && nodeType(s.node) === "CallStmt";
    const units = blocks.flatMap((b): Unit[] =>
        b.block
            ? [{ statements: b.statements, transactional: true, beginOptions: b.options }]
            : b.statements.map((s) => ({
                  statements: [s],
                  transactional: whyNoTransaction(s) === undefined && !mayCommit(s),
                  beginOptions: "",
              })),
    );
    return { units, reason };
}

function whySeveral(blocks: readonly Block[], outside: readonly Block[], sql: string): string | undefined {
    if (annotation.test(sql)) return "-- schemaward: no-transaction";
    const own = blocks.filter((b) => b.block).length;
    if (own > 1) return "several BEGIN…COMMIT blocks";
    for (const { statements } of outside) {
        for (const statement of statements) {
            const why = whyNoTransaction(statement);
            if (why !== undefined) return `line ${statement.line}: ${why} cannot run in a transaction`;
        }
    }
    if (!/\bvalue\b/i.test(sql)) return undefined;
    const used = usedNewEnumValue(blocks.flatMap((b) => b.statements));
    return used === undefined ? undefined : `line ${used.line}: a new enum value is used in the script that adds it`;
}

interface Block {
    readonly statements: Statement[];
    readonly block: boolean;
    readonly options: string;
}

function splitBlocks(statements: readonly Statement[], file: string): Block[] {
    const blocks: Block[] = [];
    let open: { readonly begin: Statement; readonly into: Block } | undefined;
    for (const statement of statements) {
        const control = as<{ kind?: string; chain?: boolean }>(statement.node, "TransactionStmt");
        const fail = (what: string, next: string): never => {
            throw new BadInputError({
                what,
                where: { file, line: statement.line },
                state: "Nothing was touched.",
                next,
            });
        };
        switch (control?.kind) {
            case undefined:
            case "TRANS_STMT_SAVEPOINT":
            case "TRANS_STMT_RELEASE":
            case "TRANS_STMT_ROLLBACK_TO": {
                if (open !== undefined) open.into.statements.push(statement);
                else {
                    const last = blocks.at(-1);
                    if (last?.block === false) last.statements.push(statement);
                    else blocks.push({ statements: [statement], block: false, options: "" });
                }
                break;
            }
            case "TRANS_STMT_BEGIN":
            case "TRANS_STMT_START": {
                if (open !== undefined)
                    fail(`A BEGIN inside the block that line ${open.begin.line} began.`, "Close the first one.");
                const options = statement.sql.replace(/^(?:BEGIN|START)\s*(?:TRANSACTION|WORK)?\s*/i, "");
                const into = { statements: [], block: true, options };
                blocks.push(into);
                open = { begin: statement, into };
                break;
            }
            case "TRANS_STMT_COMMIT":
                if (open === undefined) fail("A COMMIT without BEGIN.", "Remove it, or write the BEGIN it closes.");
                if (control.chain === true) fail("COMMIT AND CHAIN is not supported.", "Write COMMIT and BEGIN.");
                open = undefined;
                break;
            default:
                fail(
                    `${firstLine(statement.sql)} would leave the database between two versions.`,
                    "A script commits what it does; take the statement out.",
                );
        }
    }
    if (open !== undefined) {
        throw new BadInputError({
            what: "A BEGIN without COMMIT.",
            where: { file, line: open.begin.line },
            state: "Nothing was touched.",
            next: "Write COMMIT at the end of the block.",
        });
    }
    return blocks;
}

/**
 * What a statement is that PostgreSQL refuses inside a transaction block; undefined for all others.
 * Source: the callers of PreventInTransactionBlock in PostgreSQL 18's src/backend.
 */
export function whyNoTransaction(statement: Statement): string | undefined {
    const { node } = statement;
    const type = nodeType(node);
    const body = as<Record<string, unknown>>(node, type) ?? {};
    const defNames = (list: unknown): string[] =>
        Array.isArray(list) ? list.map((d) => String((d as { DefElem?: { defname?: string } }).DefElem?.defname)) : [];
    switch (type) {
        case "IndexStmt":
            return body["concurrent"] === true ? "CREATE INDEX CONCURRENTLY" : undefined;
        case "DropStmt":
            return body["concurrent"] === true ? "DROP INDEX CONCURRENTLY" : undefined;
        case "ReindexStmt":
            if (defNames(body["params"]).includes("concurrently")) return "REINDEX CONCURRENTLY";
            return body["kind"] === "REINDEX_OBJECT_SCHEMA" ||
                body["kind"] === "REINDEX_OBJECT_DATABASE" ||
                body["kind"] === "REINDEX_OBJECT_SYSTEM"
                ? "REINDEX of a schema or database"
                : undefined;
        case "VacuumStmt":
            return body["is_vacuumcmd"] === true ? "VACUUM" : undefined;
        case "ClusterStmt":
            return body["relation"] === undefined ? "CLUSTER of the whole database" : undefined;
        case "AlterTableStmt": {
            const detaching: unknown[] = [];
            walk(body["cmds"], (t, b) => {
                if (t === "PartitionCmd" && b["concurrent"] === true) detaching.push(b);
            });
            return detaching.length > 0 ? "DETACH PARTITION CONCURRENTLY" : undefined;
        }
        case "CreatedbStmt":
            return "CREATE DATABASE";
        case "DropdbStmt":
            return "DROP DATABASE";
        case "CreateTableSpaceStmt":
            return "CREATE TABLESPACE";
        case "DropTableSpaceStmt":
            return "DROP TABLESPACE";
        case "AlterSystemStmt":
            return "ALTER SYSTEM";
        case "CreateSubscriptionStmt":
            return "CREATE SUBSCRIPTION";
        case "DropSubscriptionStmt":
            return "DROP SUBSCRIPTION";
        case "DoStmt":
            return commits(body) ? "DO with COMMIT or ROLLBACK" : undefined;
        case "DiscardStmt":
            return body["target"] === "DISCARD_ALL" ? "DISCARD ALL" : undefined;
        default:
            return undefined;
    }
}

/** Whether a DO block's text has transaction control as a statement of its own. */
function commits(body: unknown): boolean {
    let found = false;
    walk(body, (type, b) => {
        if (
            type === "String" &&
            /(?:^|;|\bbegin|\bthen|\belse|\bloop)\s*(?:commit|rollback)\b/i.test(
                String(b["sval"]).replace(/--.*$/gm, ""),
            )
        )
            found = true;
    });
    return found;
}

function usedNewEnumValue(statements: readonly Statement[]): Statement | undefined {
    const created = new Set<string>();
    const added: string[] = [];
    for (const statement of statements) {
        if (added.some((value) => statement.sql.includes(`'${value.replaceAll("'", "''")}'`))) return statement;
        walk(statement.node, (type, body) => {
            if (type === "CreateEnumStmt") created.add(JSON.stringify(body["typeName"]));
            // A value added to a type made in the same transaction may be used at once.
            if (
                type === "AlterEnumStmt" &&
                body["oldVal"] === undefined &&
                !created.has(JSON.stringify(body["typeName"]))
            )
                added.push(String(body["newVal"]));
        });
    }
    return undefined;
}

/** Whether a statement can commit by itself, where it is not in a transaction. */
export function mayCommit({ node }: Statement): boolean {
    const type = nodeType(node);
    return type === "DoStmt" || type === "CallStmt";
}

/**
 * Refuses what would take the run's own lock away from under it.
 * @throws BadInputError with file and line
 */
export function refuseLockRelease(statements: readonly Statement[], file: string): void {
    for (const statement of statements) {
        if (/\bpg_advisory_unlock(?:_all|_shared)?\b/i.test(statement.sql)) {
            throw new BadInputError({
                what: "The script releases advisory locks; it could release the one that keeps a second run out.",
                where: { file, line: statement.line },
                state: "Nothing was touched.",
                next: "Use pg_advisory_xact_lock, which ends with its transaction and needs no release.",
            });
        }
    }
}
