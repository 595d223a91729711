import type { Client } from "pg";
import type { Declaration } from "../../declaration";
import { FailedError } from "../../errors";
import { readLedger, type Ledger } from "../../history/ledger";
import { headOf } from "../../migrations/set";
import { judgeOwnership } from "../../policy/ownership";
import type { Manifest } from "../../snapshots/manifest";
import { countRows } from "../../snapshots/row-counts";
import { type Cluster, openCluster } from "../../traffic/cluster";
import { findParts } from "../../traffic/find";
import type { GatePart } from "../../traffic/part";
import { partKey, partText } from "../../traffic/parts";
import type { RestoreFacts, RestorePlan } from "./restore-plan";
import { sessionsBeyondUs } from "./swap";

/** Facts for a plan, with what a run needs besides. */
export interface FoundFacts extends RestoreFacts {
    readonly ledger: Ledger;
    readonly parts: readonly GatePart[];
}

/**
 * Looks at the database that is to be restored: where it is, how many rows its tables have, what stands in the way. Only reads, in one READ ONLY
 * transaction.
 * @param client in no transaction
 * @param compare of the set's versions
 */
export async function readFacts(
    client: Client,
    declaration: Declaration,
    asked: {
        readonly manifest: Manifest;
        readonly requested: string;
        readonly compare: (a: string, b: string) => number;
    },
): Promise<FoundFacts> {
    const { manifest, compare } = asked;
    await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL row_security = off");
    try {
        const server = await readServer(client);
        const ledger = await readLedger(client, declaration.set);
        const applied = ledger.rows.map((row) => row.version);
        const rowsNow = await countRows(client);
        const traffic = await readTraffic(client, declaration);
        const { declarer } = declaration;
        // Flags alone name an environment, and no project.
        const refusal = judgeOwnership(
            ledger.owner,
            declarer?.project === "" ? undefined : declarer,
            declaration.adopt,
        );
        return {
            ...asked,
            database: server.database,
            systemIdentifier: server.system,
            serverMajor: Math.floor(server.num / 10_000),
            databaseBytes: Number(server.bytes),
            applied,
            at: headOf({ compare }, applied),
            rowsNow,
            otherSets: await readOtherSets(client, declaration.set, compare),
            lastRun: ledger.lastRun?.id ?? null,
            gate: traffic.gate,
            parts: traffic.parts,
            ledger,
            obstacles: [...obstacles(server, manifest), ...(await beyondUs(client, server))],
            refusals: [...(refusal === undefined ? [] : [refusal]), ...traffic.refusals],
        };
    } finally {
        await client.query("ROLLBACK").catch(() => undefined);
    }
}

interface Server {
    readonly database: string;
    readonly owner: string;
    readonly us: string;
    readonly num: number;
    readonly bytes: string;
    readonly system: string | null;
    readonly slots: readonly string[];
    readonly subscriptions: readonly string[];
    readonly prepared: readonly string[];
    readonly maycreate: boolean;
    readonly isowner: boolean;
}

async function readServer(client: Client): Promise<Server> {
    const { rows } = await client.query<Server & { may: boolean }>(
        `SELECT d.datname::text AS database, pg_catalog.pg_get_userbyid(d.datdba)::text AS owner, SESSION_USER::text AS us,
                pg_catalog.current_setting('server_version_num')::int AS num, pg_catalog.pg_database_size(d.oid)::text AS bytes,
                NULL::text AS system,
                pg_catalog.has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE') AS may,
                ARRAY(SELECT slot_name::text FROM pg_catalog.pg_replication_slots s WHERE s.database = d.datname) AS slots,
                ARRAY(SELECT subname::text FROM pg_catalog.pg_subscription s WHERE s.subdbid = d.oid) AS subscriptions,
                ARRAY(SELECT gid::text FROM pg_catalog.pg_prepared_xacts p WHERE p.database = d.datname) AS prepared,
                (SELECT r.rolsuper OR r.rolcreatedb FROM pg_catalog.pg_roles r WHERE r.rolname = SESSION_USER) AS maycreate,
                pg_catalog.pg_has_role(SESSION_USER, d.datdba, 'USAGE') AND pg_catalog.pg_has_role(SESSION_USER, d.datdba,
                    CASE WHEN pg_catalog.current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END) AS isowner
           FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()`,
    );
    const [found] = rows;
    if (found === undefined) throw new Error("the server does not know the database that it is connected to");
    if (!found.may) return found;
    const { rows: control } = await client.query<{ id: string }>(
        "SELECT system_identifier::text AS id FROM pg_catalog.pg_control_system()",
    );
    return { ...found, system: control[0]?.id ?? null };
}

/** What the server rules out: source: RenameDatabase and dropdb in PostgreSQL's dbcommands.c. */
function obstacles(server: Server, manifest: Manifest): RestorePlan["refusals"] {
    const { database, us, owner } = server;
    const written = Number.parseInt(manifest.database.serverVersion, 10);
    const name = (role: string): string => `"${role.replaceAll('"', '""')}"`;
    return [
        ...server.slots.map((slot) => ({
            code: "logical-slot",
            text: `The logical replication slot ${slot} is bound to ${database}; it would stay with what is put aside, and its reader with it.`,
            allow: `SELECT pg_drop_replication_slot('${slot}'), once its reader has stopped, and a new one afterwards`,
        })),
        ...server.subscriptions.map((subscription) => ({
            code: "subscription",
            text: `The subscription ${subscription} writes into ${database}.`,
            allow: `DROP SUBSCRIPTION ${name(subscription)}, and making it again afterwards`,
        })),
        ...server.prepared.map((gid) => ({
            code: "prepared-transaction",
            text: `The prepared transaction ${gid} is open in ${database}.`,
            allow: "COMMIT PREPARED or ROLLBACK PREPARED by whoever prepared it",
        })),
        ...(server.num >= written * 10_000
            ? []
            : [
                  {
                      code: "older-server",
                      text: `The snapshot is of PostgreSQL ${String(written)}, and this server has ${String(Math.floor(server.num / 10_000))}.`,
                      allow: `a server of version ${String(written)} or newer`,
                  },
              ]),
        ...(server.maycreate
            ? []
            : [
                  {
                      code: "right-createdb",
                      text: `${us} may not make databases, and a snapshot is restored into a new one.`,
                      allow: `ALTER ROLE ${name(us)} CREATEDB`,
                  },
              ]),
        ...(server.isowner
            ? []
            : [
                  {
                      code: "right-owner",
                      text: `${us} neither owns ${database} nor is a member of ${owner}, which does: it may not be renamed.`,
                      allow: `GRANT ${name(owner)} TO ${name(us)}`,
                  },
              ]),
    ];
}

/** Sessions that would be in the way, of roles that we may not end. */
async function beyondUs(client: Client, { database, us }: Server): Promise<RestorePlan["refusals"]> {
    const { superusers, others } = await sessionsBeyondUs(client, database);
    const why = "and no database is renamed that somebody is connected to";
    return [
        ...(others.length === 0
            ? []
            : [
                  {
                      code: "right-signal",
                      text: `${us} may not end the sessions of ${others.join(", ")}, ${why}.`,
                      allow: `GRANT pg_signal_backend TO "${us.replaceAll('"', '""')}"`,
                  },
              ]),
        ...(superusers.length === 0
            ? []
            : [
                  {
                      code: "superuser-session",
                      text: `There are sessions of ${superusers.join(", ")}, which only a superuser may end, ${why}.`,
                      allow: "ending them where they were begun",
                  },
              ]),
    ];
}

async function readOtherSets(
    client: Client,
    set: string,
    compare: (a: string, b: string) => number,
): Promise<RestoreFacts["otherSets"]> {
    const { rows: found } = await client.query<{ there: boolean }>(
        "SELECT pg_catalog.to_regclass('schemaward.migrations') IS NOT NULL AS there",
    );
    if (found[0]?.there !== true) return [];
    const { rows } = await client.query<{ name: string; versions: string[] }>({
        text: "SELECT set_name AS name, pg_catalog.array_agg(version) AS versions FROM schemaward.migrations WHERE set_name OPERATOR(pg_catalog.<>) $1 GROUP BY 1 ORDER BY 1",
        values: [set],
    });
    return rows.map(({ name, versions }) => ({ name, at: headOf({ compare }, versions) ?? "0" }));
}

/** What traffic comes through; stopped for a restore whatever its hazards are, unless a stack says never. */
async function readTraffic(
    client: Client,
    { traffic }: Declaration,
): Promise<{
    readonly gate: RestorePlan["gate"];
    readonly parts: readonly GatePart[];
    readonly refusals: RestorePlan["refusals"];
}> {
    if (traffic === undefined || traffic.stopTraffic === "never") return { gate: null, parts: [], refusals: [] };
    let cluster: Cluster | undefined;
    try {
        const found = await findParts(traffic, client, async () => (cluster ??= await openCluster(traffic.kubernetes)));
        return {
            gate: {
                strategy: traffic.strategy,
                parts: found.parts.map(partText),
                keys: found.parts.map(partKey),
            },
            parts: found.parts,
            refusals: found.refusals,
        };
    } catch (error) {
        // Fail closed, as a plan of scripts does.
        if (!(error instanceof FailedError)) throw error;
        return {
            gate: { strategy: traffic.strategy, parts: [], keys: [] },
            parts: [],
            refusals: [
                {
                    code: "traffic-unreachable",
                    text: error.parts.what,
                    allow: error.parts.next ?? "an API server that answers",
                },
            ],
        };
    } finally {
        cluster?.close();
    }
}
