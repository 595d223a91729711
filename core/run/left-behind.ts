import type { Node } from "libpg-query";
import type { Client } from "pg";
import { quoted } from "../plan/names";
import type { PreparedStep } from "../plan/prepare";
import { settleByHand } from "../plan/unfinished";
import { nameOf, type RangeVar, shown } from "../sql/identifiers";
import { as, nodeType, strings } from "../sql/nodes";
import { mayCommit } from "../sql/script";
import type { Statement } from "../sql/statement";
import { type ConcurrentIndex, invalidIndexes } from "./concurrent-index";

/** What a statement that failed outside of a transaction has left in the database, for people. */
export interface LeftBehind {
    readonly state: string;
    readonly next: string;
}

/**
 * Asks what a statement that failed has left behind; undefined where it is known that it took effect whole or not at all (CREATE DATABASE),
 * that what it did so far changes nothing that a script could see (VACUUM), or that it had not come far enough.
 * @param worker under the settings that the script runs with
 */
export async function leftBehind(
    worker: Client,
    statement: Statement,
    { version, direction }: PreparedStep,
): Promise<LeftBehind | undefined> {
    const { line } = statement;
    const detached = detachOf(statement);
    if (detached !== undefined && (await detachState(worker, detached)) === "pending") {
        return {
            state: `Line ${line} ran outside a transaction and is half done: the partition ${detached.partition} of ${detached.parent} is being detached (pg_inherits.inhdetachpending).`,
            next: `Run the same command again: it finishes this with ALTER TABLE ${detached.parent} DETACH PARTITION ${detached.partition} FINALIZE.`,
        };
    }
    const dropped = droppedIndex(statement);
    if (dropped !== undefined && (await indexState(worker, dropped)) === "invalid") {
        return {
            state: `Line ${line} ran outside a transaction and is half done: the index ${dropped} is there, but INVALID, so that no query uses it.`,
            next: "Run the same command again: it drops the index, which works from this state, too.",
        };
    }
    if (nodeType(statement.node) === "ReindexStmt") {
        const copies = await invalidCopies(worker);
        if (copies.length === 0) return undefined;
        return {
            state: `Line ${line} ran outside a transaction: the indexes that it had not come to are as they were, and copies that it may have begun are there, INVALID: ${copies.join(", ")}.`,
            next: "Drop those copies that nobody is building right now (DROP INDEX CONCURRENTLY), then run the same command again.",
        };
    }
    if (!mayCommit(statement)) return undefined;
    return {
        state: `Line ${line} ran outside a transaction and may have taken effect in part: what it had committed by itself before it failed stays, the rest was rolled back.`,
        next: `See what of line ${line} is in the database. The same command does not run it a second time as it is: correct it so that it can be run on top of that, then run it; or ${settleByHand(version, direction)}.`,
    };
}

/** Asks whether the index that could not be built is there all the same, which it is where it could not be dropped at once. */
export async function leftIndex(
    worker: Client,
    index: ConcurrentIndex,
    { line }: Statement,
): Promise<LeftBehind | undefined> {
    const [invalid] = await invalidIndexes(worker, index);
    if (invalid === undefined) return undefined;
    return {
        state: `Line ${line} ran outside a transaction and is half done: the index ${invalid} is there, but INVALID, so that no query uses it, and each write keeps it up.`,
        next: "Once what was in its way has ended, run the same command again: it drops the index and builds it anew.",
    };
}

/**
 * How to go on with a statement that an earlier run has begun: by another one, not at all as its effect is there already (`done`), or by
 * running it again (undefined).
 */
export async function continuation(worker: Client, statement: Statement): Promise<string | undefined> {
    const detached = detachOf(statement);
    if (detached !== undefined) {
        const state = await detachState(worker, detached);
        if (state === "pending")
            return `ALTER TABLE ${detached.parent} DETACH PARTITION ${detached.partition} FINALIZE`;
        return state === "detached" ? "done" : undefined;
    }
    const dropped = droppedIndex(statement);
    return dropped !== undefined && (await indexState(worker, dropped)) === "gone" ? "done" : undefined;
}

interface Detach {
    /** Both as written, quoted. */
    readonly parent: string;
    readonly partition: string;
}

function detachOf({ node }: Statement): Detach | undefined {
    const body = as<{ relation?: RangeVar; cmds?: Node[] }>(node, "AlterTableStmt");
    const command = as<{ subtype?: string; def?: Node }>(body?.cmds?.[0], "AlterTableCmd");
    const partition = as<{ name?: RangeVar; concurrent?: boolean }>(command?.def, "PartitionCmd");
    if (command?.subtype !== "AT_DetachPartition" || partition?.concurrent !== true) return undefined;
    return { parent: shown(nameOf(body?.relation)), partition: shown(nameOf(partition.name)) };
}

async function detachState(
    worker: Client,
    { parent, partition }: Detach,
): Promise<"attached" | "pending" | "detached"> {
    const { rows } = await worker.query<{ pending: boolean }>(
        "SELECT inhdetachpending AS pending FROM pg_catalog.pg_inherits WHERE inhparent = to_regclass($1) AND inhrelid = to_regclass($2)",
        [parent, partition],
    );
    if (rows[0] === undefined) return "detached";
    return rows[0].pending ? "pending" : "attached";
}

function droppedIndex({ node }: Statement): string | undefined {
    const body = as<{ concurrent?: boolean; objects?: Node[] }>(node, "DropStmt");
    if (body?.concurrent !== true) return undefined;
    return quoted(strings(as<{ items?: Node[] }>(body.objects?.[0], "List")?.items));
}

async function indexState(worker: Client, index: string): Promise<"valid" | "invalid" | "gone"> {
    const { rows } = await worker.query<{ valid: boolean }>(
        "SELECT indisvalid AS valid FROM pg_catalog.pg_index WHERE indexrelid = to_regclass($1)",
        [index],
    );
    if (rows[0] === undefined) return "gone";
    return rows[0].valid ? "valid" : "invalid";
}

/** Indexes that only REINDEX CONCURRENTLY names so. */
async function invalidCopies(worker: Client): Promise<string[]> {
    const { rows } = await worker.query<{ name: string }>(
        `SELECT format('%I.%I', n.nspname, c.relname) AS name
           FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
           JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
          WHERE NOT i.indisvalid AND c.relname ~ '_cc(new|old)[0-9]*$' ORDER BY 1 LIMIT 10`,
    );
    return rows.map((row) => row.name);
}
