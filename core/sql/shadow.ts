import { randomBytes } from "node:crypto";
import type { Client } from "pg";
import { type Database, disconnect } from "../connection";
import { firstLineOf, SchemawardError } from "../errors";
import { compareCatalogs, readCatalog, type Difference } from "./catalog";
import { serverMajor } from "./server-major";
import { effectOutside } from "./outside";
import type { ObjectKind } from "./observation";
import { dumpSchema, runDump } from "./shadow-dump";
import { loadParser } from "./parser";
import { splitScriptSync } from "./split";

/** A scratch database on the same server that holds the live database's schema and no rows. */
export interface Shadow {
    /** Connected to the scratch database as the role that logs in; owns every object there. */
    readonly client: Client;
    readonly name: string;
    /** `dump`: pg_dump's copy of the live schema. `replay`: the applied up scripts, checked against the live catalog. */
    readonly method: "dump" | "replay";
    /** Whether functions could reach other servers through foreign tables. */
    readonly reachesOut: boolean;
    /** Drops the scratch database. Never throws; what it cannot drop, a later run sweeps. */
    close(): Promise<void>;
}

export interface NoShadow {
    /** One sentence for the plan: why steps were judged without a shadow. */
    readonly reason: string;
}

export interface ShadowOptions {
    /** The up scripts of what is applied, in applied order: replayed where no fitting pg_dump exists. */
    readonly applied: readonly { readonly version: string; readonly sql: string }[];
    /** Milliseconds that one statement may take on the shadow; default 15 s. */
    readonly statementTimeoutMs?: number;
}

const prefix = "schemaward_shadow_";

/**
 * Makes a shadow of a database's schema. The live database is only read (by `live`, and by pg_dump in its own read-only
 * transaction). Everything that stands in the way (no CREATEDB, no connection left, a standby, no pg_dump and a replay that gives
 * another schema) is a NoShadow, not an error.
 * @param live a connection to the live database; it may be in a READ ONLY transaction
 */
export async function openShadow(database: Database, live: Client, options: ShadowOptions): Promise<Shadow | NoShadow> {
    try {
        const forbidden = await obstacle(live);
        if (forbidden !== undefined) return { reason: forbidden };
        const settings = await databaseSettings(live);
        const admin = await database.connect("shadow");
        return await build(database, live, admin, settings, options);
    } catch (error) {
        return { reason: `no shadow database could be made: ${sentence(error)}` };
    }
}

async function obstacle(live: Client): Promise<string | undefined> {
    const { rows } = await live.query<{ name: string; may: boolean; standby: boolean }>(
        `SELECT rolname AS name, rolcreatedb OR rolsuper AS may, pg_catalog.pg_is_in_recovery() AS standby
         FROM pg_catalog.pg_roles WHERE rolname = session_user`,
    );
    if (rows[0]?.standby === true) return "the server is a standby, where no shadow database can be made";
    return rows[0]?.may === true
        ? undefined
        : `role ${rows[0]?.name ?? "?"} may not create a shadow database (no CREATEDB)`;
}

async function build(
    database: Database,
    live: Client,
    admin: Client,
    settings: Readonly<Record<string, string>>,
    options: ShadowOptions,
): Promise<Shadow | NoShadow> {
    // The time is in the name, so that one whose comment was never written is swept, too.
    const name = `${prefix}${Math.floor(Date.now() / 1000).toString(36)}_${randomBytes(6).toString("hex")}`;
    let client: Client | undefined;
    const close = once(async () => {
        unregister();
        // A statement that it is at is not waited for; the drop ends that.
        if (client !== undefined) await disconnect(client);
        await admin.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`).catch(() => undefined);
        await admin.end().catch(() => undefined);
    });
    const unregister = onInterrupt(close);
    try {
        await sweep(admin);
        await admin.query(`CREATE DATABASE ${name} TEMPLATE template0 ${await localeClauses(live)}`);
        await admin.query(
            `COMMENT ON DATABASE ${name} IS 'schemaward shadow, made ${new Date().toISOString()} by process ${process.pid}, safe to drop'`,
        );
        client = await database.sibling(name).connect("shadow", {
            parameters: {
                ...settings,
                statement_timeout: String(options.statementTimeoutMs ?? 15_000),
                synchronous_commit: "off",
                jit: "off",
            },
            pipeline: true,
        });
        const filled = await fill(database, live, client, options);
        if ("reason" in filled) {
            await close();
            return filled;
        }
        return { client, name, ...filled, close };
    } catch (error) {
        await close();
        throw error;
    }
}

async function fill(
    database: Database,
    live: Client,
    client: Client,
    options: ShadowOptions,
): Promise<{ method: "dump" | "replay"; reachesOut: boolean } | NoShadow> {
    const dump = await dumpSchema(database, await serverMajor(live));
    if ("sql" in dump) await runDump(client, dump.sql);
    else {
        const failure = await replay(client, options.applied);
        if (failure !== undefined) return { reason: `${dump.reason}, and ${failure}` };
        const difference = describeDifferences(compareCatalogs(await readCatalog(live), await readCatalog(client)));
        if (difference !== undefined)
            return {
                reason: `${dump.reason}, and replaying the applied scripts gives another schema than the live one: ${difference}`,
            };
    }
    const hazards = await client.query<{ server: boolean; trigger: string | null }>(
        `SELECT EXISTS (SELECT FROM pg_catalog.pg_foreign_server) AS server,
            (SELECT string_agg(p.prosrc, ' ') FROM pg_catalog.pg_event_trigger e JOIN pg_catalog.pg_proc p ON p.oid = e.evtfoid) AS trigger`,
    );
    const { server = false, trigger = null } = hazards.rows[0] ?? {};
    if (trigger !== null && effectOutside(trigger) !== undefined)
        return { reason: `an event trigger's function acts outside the database (${effectOutside(trigger) ?? ""})` };
    if (!server) await populate(live, client);
    return { method: "sql" in dump ? "dump" : "replay", reachesOut: server };
}

/** Runs scripts of the past without their rows. @returns what went wrong, as the end of a sentence */
async function replay(client: Client, applied: ShadowOptions["applied"]): Promise<string | undefined> {
    await loadParser();
    for (const { version, sql } of applied) {
        try {
            for (const statement of splitScriptSync(sql, version)) {
                const type = Object.keys(statement.node)[0] ?? "";
                if (["InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt", "CopyStmt", "VacuumStmt"].includes(type))
                    continue;
                if (effectOutside(statement) === undefined) await client.query(statement.sql);
            }
            await client.query("ROLLBACK; RESET ALL");
        } catch (error) {
            return `replaying ${version} failed: ${sentence(error)}`;
        }
    }
    return undefined;
}

const harmless: readonly ObjectKind[] = ["comment", "grant", "default privileges"];

function describeDifferences(all: readonly Difference[]): string | undefined {
    const differences = all.filter(({ object }) => !harmless.includes(object.kind));
    if (differences.length === 0) return undefined;
    const named = differences.slice(0, 3).map(({ change, object }) => {
        const word = { added: "not in the live one", dropped: "only in the live one", changed: "defined differently" }[
            change
        ];
        return `${object.kind} ${object.name} (${word})`;
    });
    const rest = differences.length - named.length;
    return named.join(", ") + (rest > 0 ? ` and ${rest} more` : "");
}

/** pg_dump leaves materialized views unpopulated, where REFRESH … CONCURRENTLY and reading from them fail. */
async function populate(live: Client, client: Client): Promise<void> {
    const query = `SELECT c.oid::int8::text AS oid, format('%I.%I', n.nspname, c.relname) AS name FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'm' AND c.relispopulated = `;
    const populated = await live.query<{ name: string }>(`${query} true`);
    const { rows } = await client.query<{ name: string }>(`${query} false ORDER BY c.oid`);
    let todo = rows.map(({ name }) => name).filter((name) => populated.rows.some((row) => row.name === name));
    // One may read another: repeat while something could be refreshed.
    for (let before = Infinity; todo.length > 0 && todo.length < before;) {
        before = todo.length;
        const left: string[] = [];
        for (const name of todo) await client.query(`REFRESH MATERIALIZED VIEW ${name}`).catch(() => left.push(name));
        todo = left;
    }
}

/** ALTER DATABASE … SET of the live database: the shadow's sessions must begin with the same. */
async function databaseSettings(live: Client): Promise<Record<string, string>> {
    const { rows } = await live.query<{ name: string; value: string }>(
        `SELECT split_part(c, '=', 1) AS name, substr(c, strpos(c, '=') + 1) AS value
         FROM pg_catalog.pg_db_role_setting s JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase, unnest(s.setconfig) c
         JOIN pg_catalog.pg_settings g ON g.name = split_part(c, '=', 1) AND g.context = 'user'
         WHERE d.datname = current_database() AND s.setrole IN (0, (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = session_user))
         ORDER BY s.setrole`,
    );
    return Object.fromEntries(rows.map(({ name, value }) => [name, value]));
}

async function localeClauses(live: Client): Promise<string> {
    const { rows } = await live.query<{ row: Record<string, string | null> }>(
        "SELECT to_jsonb(d) || jsonb_build_object('encoding', pg_catalog.pg_encoding_to_char(d.encoding)) AS row FROM pg_catalog.pg_database d WHERE datname = current_database()",
    );
    const row = rows[0]?.row ?? {};
    const clause = (word: string, value: string | null | undefined): string[] =>
        value === null || value === undefined ? [] : [`${word} '${value.replace(/'/g, "''")}'`];
    const provider = row["datlocprovider"];
    return [
        ...clause("ENCODING", row["encoding"]),
        ...clause("LC_COLLATE", row["datcollate"]),
        ...clause("LC_CTYPE", row["datctype"]),
        // Columns since PostgreSQL 15, 16 (rules) and 17 (one column for the locale of either provider).
        ...(provider === "i" ? ["LOCALE_PROVIDER icu"] : provider === "b" ? ["LOCALE_PROVIDER builtin"] : []),
        ...(provider === "i" ? clause("ICU_LOCALE", row["datlocale"] ?? row["daticulocale"]) : []),
        ...(provider === "i" ? clause("ICU_RULES", row["daticurules"]) : []),
        ...(provider === "b" ? clause("BUILTIN_LOCALE", row["datlocale"]) : []),
    ].join(" ");
}

/** Drops what earlier runs had to leave: older than an hour, nobody connected, owned by the role that logs in. */
async function sweep(admin: Client): Promise<void> {
    const { rows } = await admin.query<{ datname: string }>(
        `SELECT d.datname FROM pg_catalog.pg_database d JOIN pg_catalog.pg_roles r ON r.oid = d.datdba
         WHERE d.datname ~ '^${prefix}[0-9a-z]+_[0-9a-f]{12}$' AND r.rolname = session_user
         AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_activity a WHERE a.datid = d.oid)`,
    );
    for (const { datname } of rows) {
        const made = parseInt(datname.slice(prefix.length).split("_", 1)[0] ?? "", 36);
        if (Date.now() / 1000 - made > 3600)
            await admin.query(`DROP DATABASE IF EXISTS ${datname}`).catch(() => undefined);
    }
}

/** Closes on Ctrl-C and termination, too. @returns a function that ends the watch */
function onInterrupt(close: () => Promise<void>): () => void {
    const signals = ["SIGINT", "SIGTERM"] as const;
    const handlers = signals.map((signal) => {
        const handler = (): void => {
            void close().then(() => {
                // With our listener gone and no other one, the signal does again what it does by default.
                if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
            });
        };
        process.once(signal, handler);
        return () => process.removeListener(signal, handler);
    });
    return () => {
        for (const remove of handlers) remove();
    };
}

function once(action: () => Promise<void>): () => Promise<void> {
    let done: Promise<void> | undefined;
    return () => (done ??= action());
}

function sentence(error: unknown): string {
    if (error instanceof SchemawardError) return error.parts.what;
    return firstLineOf(error);
}
