import { setTimeout as pause } from "node:timers/promises";
import type { Client } from "pg";
import { z } from "zod";
import { type Database, disconnect } from "../../connection";
import { FailedError } from "../../errors";
import { truncateName } from "../../sql/identifiers";

/** A database that a restore is making: what its comment says. Comments stand in a catalog that all databases share. */
const makingSchema = z.object({
    /** Name of the database that it is to take the place of. */
    of: z.string(),
    /** Id of the run that makes it. */
    run: z.string(),
    snapshot: z.string(),
    begun: z.string(),
    /** Whether it is wholly restored and checked, and takes its place now. */
    swapping: z.boolean(),
});

/** A database that was in the place of a restored one: what its comment says. */
const keptSchema = z.object({
    of: z.string(),
    run: z.string(),
    /** What was restored in its place. */
    snapshot: z.string(),
    replaced: z.string(),
    /** When it may be dropped. */
    until: z.string(),
    /** Its own comment. */
    comment: z.string().nullable(),
});

export type Making = z.infer<typeof makingSchema> & { readonly name: string };
export type Kept = z.infer<typeof keptSchema> & { readonly name: string };

const makingPrefix = "schemaward makes this from a snapshot: ";
const keptPrefix = "schemaward keeps this until it expires: ";

/** What restores put behind a name. A comment goes with its database: under another name it is somebody's who wants to have it, or the live one again. */
const makingName = /_restoring_[0-9a-f]{8}$/;
const keptName = /_before_\d{8}_\d{6}(?:_\d+)?$/;

export function makingComment({ name: _, ...making }: Making): string {
    return makingPrefix + JSON.stringify(making);
}

export function keptComment({ name: _, ...kept }: Kept): string {
    return keptPrefix + JSON.stringify(kept);
}

/** Databases of a server that restores have made or kept. */
export async function readMarked(
    client: Client,
): Promise<{ readonly making: readonly Making[]; readonly kept: readonly Kept[] }> {
    const { rows } = await client.query<{ name: string; comment: string }>(
        `SELECT datname::text AS name, pg_catalog.shobj_description(oid, 'pg_database') AS comment FROM pg_catalog.pg_database
          WHERE pg_catalog.shobj_description(oid, 'pg_database') LIKE 'schemaward %' ORDER BY datname`,
    );
    const marked = <T extends object>(called: RegExp, prefix: string, schema: z.ZodType<T>): (T & { name: string })[] =>
        rows.flatMap(({ name, comment }) => {
            if (!called.test(name) || !comment.startsWith(prefix)) return [];
            const parsed = schema.safeParse(parsedOf(comment.slice(prefix.length)));
            return parsed.success ? [{ ...parsed.data, name }] : [];
        });
    return {
        making: marked(makingName, makingPrefix, makingSchema),
        kept: marked(keptName, keptPrefix, keptSchema),
    };
}

function parsedOf(json: string): unknown {
    try {
        return JSON.parse(json);
    } catch {
        return undefined;
    }
}

/** A database's name with something behind it, cut to what a name may have. */
export function derivedName(name: string, suffix: string): string {
    const whole = `${name}${suffix}`;
    if (truncateName(whole) === whole) return whole;
    let short = name;
    while (Buffer.byteLength(short + suffix) > 63) short = [...short].slice(0, -1).join("");
    return short + suffix;
}

/** A name that no database has; two restores may be of one second. */
export async function freeName(client: Client, live: string, suffix: string): Promise<string> {
    for (let n = 1; ; n++) {
        const name = derivedName(live, n === 1 ? suffix : `${suffix}_${String(n)}`);
        const { rows } = await client.query("SELECT FROM pg_catalog.pg_database WHERE datname = $1", [name]);
        if (rows.length === 0) return name;
    }
}

/** Databases that every server has, in this order: one to be connected to while another is renamed. */
const maintenanceDatabases = ["postgres", "template1"];

/**
 * Connects to a database of the server that is not the one that is restored: no database can be renamed from within.
 * @throws FailedError when there is none
 */
export async function connectBeside(database: Database, live: string): Promise<Client> {
    let failure: unknown;
    for (const name of maintenanceDatabases.filter((other) => other !== live)) {
        try {
            return await database.sibling(name).connect("restore", { parameters: unhurried });
        } catch (error) {
            failure ??= error;
        }
    }
    throw new FailedError({
        what: `A database is renamed from another one, and the login gets into none of ${maintenanceDatabases.join(", ")}.`,
        detail: failure instanceof FailedError ? [failure.parts.what] : [],
        state: "Nothing was touched.",
        next: "GRANT CONNECT ON DATABASE postgres to the role that logs in.",
        cause: failure,
    });
}

/** Key of the lock that one restore of a database holds, in whichever database it is connected to beside it. */
const lockKey = "pg_catalog.hashtextextended('schemaward restore ' || $1::text, 0)";

/** Takes the lock of restoring a database, waiting so long for another restore; false: that has it still. It is held until the session ends. */
export async function takeRestoreLock(client: Client, live: string, waitMs: number): Promise<boolean> {
    const deadline = Date.now() + waitMs;
    for (;;) {
        const { rows } = await client.query<{ taken: boolean }>({
            text: `SELECT pg_catalog.pg_try_advisory_lock(${lockKey}) AS taken`,
            values: [live],
        });
        if (rows[0]?.taken === true) return true;
        if (Date.now() >= deadline) return false;
        await pause(100);
    }
}

/** Milliseconds for the server to see that a session's client is gone, or to end what it does for it. */
const goneWithinMs = 60_000;

/**
 * Another session like one that broke, with its lock: when that is free, whatever the broken one was still at has been done, or never will be.
 * @throws FailedError
 */
export async function connectBesideAgain(database: Database, live: string): Promise<Client> {
    const client = await connectBeside(database, live);
    try {
        if (await takeRestoreLock(client, live, goneWithinMs)) return client;
        throw new FailedError({
            what: "A session of this restore does not end (pg_stat_activity: schemaward restore).",
            where: { object: live },
            next: "End it with pg_terminate_backend, then run the same command again.",
        });
    } catch (error) {
        await disconnect(client);
        throw error;
    }
}

/** Drops a database with all its sessions; one that is not there is no error. */
export async function dropDatabase(client: Client, name: string): Promise<void> {
    await client.query(`ALTER DATABASE ${client.escapeIdentifier(name)} IS_TEMPLATE false`).catch(() => undefined);
    await client.query(`DROP DATABASE IF EXISTS ${client.escapeIdentifier(name)} WITH (FORCE)`);
}

/** Name of the database that a connection leads to, whether or not it accepts any. */
export async function nameOfDatabase(database: Database): Promise<string> {
    return (await database.libpq())["PGDATABASE"] ?? "";
}

/** What a login or a database may set for applications, and what a restore takes longer than; in the start-up packet, which wins over both. */
export const unhurried = {
    idle_session_timeout: "0",
    idle_in_transaction_session_timeout: "0",
    statement_timeout: "0",
    lock_timeout: "0",
    default_transaction_read_only: "off",
};

/** Works over a connection of its own. */
export async function withConnection<T>(
    database: Database,
    purpose: string,
    work: (client: Client) => Promise<T>,
): Promise<T> {
    const client = await database.connect(purpose, { parameters: unhurried });
    try {
        return await work(client);
    } finally {
        await disconnect(client);
    }
}
