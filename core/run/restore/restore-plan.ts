import { createHash } from "node:crypto";
import type { Declaration } from "../../declaration";
import { judgeApproval } from "../../policy/approval";
import { judgeCompatibility } from "../../policy/compatibility";
import { archiveBytes } from "../../snapshots/archive";
import type { Manifest } from "../../snapshots/manifest";

/** Rows of one table, then and now. */
export interface TableThenAndNow {
    readonly table: string;
    /** Null: there was no such table, or there is none now. */
    readonly then: number | null;
    readonly now: number | null;
    /** Whether both are counted, not estimated. */
    readonly exact: boolean;
}

/** What a restore would do, and what would be lost by it. Stable JSON. */
export interface RestorePlan {
    readonly format: "schemaward/restore-plan/1";
    readonly environment: string;
    readonly set: string;
    readonly resource?: string;
    /** What an approval binds: snapshot, database, versions, what traffic is stopped through; no counts and no times. */
    readonly digest: string;
    readonly database: string;
    /** As it was asked for: a name, or `latest`. */
    readonly requested: string;
    readonly snapshot: {
        readonly name: string;
        readonly created: string;
        readonly kind: string;
        readonly app: string | null;
        readonly bytes: number;
        readonly sha256: string;
        readonly serverVersion: string;
    };
    /** Version of the schema now, and in the snapshot; null: nothing applied. */
    readonly from: string | null;
    readonly to: string | null;
    /** Applied now and not then, in the order of applying; and the other way round. */
    readonly undone: readonly string[];
    readonly redone: readonly string[];
    /** All tables, the ones first of which rows are lost. */
    readonly tables: readonly TableThenAndNow[];
    readonly lost: {
        /** Rows more now than then, over all tables. Rows that were changed, or that came where others went, are in no count. */
        readonly rows: number;
        readonly exact: boolean;
    };
    /** What traffic is stopped through; null: it is not. */
    readonly gate: {
        readonly strategy: string;
        readonly parts: readonly string[];
        readonly keys: readonly string[];
    } | null;
    /** Name of the snapshot taken before, of what is there; null: none is to be. */
    readonly emergency: string | null;
    /** Name of the database that is kept, and for how many days. */
    readonly kept: { readonly name: string; readonly days: number };
    /** Seconds that it takes, roughly. */
    readonly estimatedSeconds: number;
    readonly app: { readonly version: string; readonly accepts: string | null; readonly ok: boolean } | null;
    readonly approval: { readonly needed: boolean; readonly given: boolean; readonly maxRowsLost: number | null };
    readonly refusals: readonly { readonly code: string; readonly text: string; readonly allow: string }[];
    readonly warnings: readonly string[];
    readonly run: readonly string[];
}

/** What was found, by which a restore is judged. */
export interface RestoreFacts {
    readonly manifest: Manifest;
    readonly requested: string;
    readonly database: string;
    readonly systemIdentifier: string | null;
    readonly serverMajor: number;
    readonly databaseBytes: number;
    /** In the order of applying. */
    readonly applied: readonly string[];
    readonly at: string | null;
    /** Other sets in the database, which go back with it, and where they are. */
    readonly otherSets: readonly { readonly name: string; readonly at: string }[];
    /** Id of the last run that changed something: an approval is for the database as it was then. */
    readonly lastRun: string | null;
    readonly rowsNow: readonly {
        readonly schema: string;
        readonly name: string;
        readonly rows: number;
        readonly exact: boolean;
    }[];
    readonly gate: RestorePlan["gate"];
    /** What the server and the login rule out, whatever a stack says. */
    readonly obstacles: RestorePlan["refusals"];
    /** Rules broken by settings, such as whose the database is. */
    readonly refusals: RestorePlan["refusals"];
    readonly compare: (a: string, b: string) => number;
}

/** How it is shown, and what was asked for besides. */
export interface RestoreQuestion {
    readonly resource?: string;
    /** Identity of the snapshot's database (`environment/system/database`) that is taken for this one. */
    readonly adopt?: string;
    /** Whether nobody has said which set: then it is the snapshot's. */
    readonly setIsAssumed?: boolean;
    /** Whether a snapshot is taken of what is there. */
    readonly emergency: boolean;
    readonly commandFlags?: string;
    readonly approveWith?: string;
    /** Whether the declared version has to be that of the snapshot: in a stack, where the next `up` would go on from there. */
    readonly declaredVersionCounts: boolean;
}

/** Archive bytes that pg_restore gets through in a second, roughly; reckoned for a small server. */
const restoredPerSecond = 6_000_000;
const snapshotPerSecond = 12_000_000;

/** Which database a snapshot is of, as `adopt` names it. */
export function identityOf({ environment, database: { systemIdentifier, name } }: Manifest): string {
    return [environment, systemIdentifier ?? "unknown", name].join("/");
}

/** Works out what a restore would do. Pure. */
export function planRestore(declaration: Declaration, facts: RestoreFacts, question: RestoreQuestion): RestorePlan {
    const { manifest } = facts;
    const { policy, app, declarer, set } = declaration;
    const to = manifest.from;
    const then = manifest.applied.map((row) => row.version);
    const undone = facts.applied.filter((version) => !then.includes(version));
    const redone = then.filter((version) => !facts.applied.includes(version));
    const tables = thenAndNow(manifest, facts);
    const lost = {
        rows: tables.reduce((sum, t) => sum + lostOf(t), 0),
        exact: tables.every((t) => t.exact),
    };
    const digest = digestOf(facts, { undone, redone }, question);
    const compatibility =
        policy.compatibility === undefined
            ? undefined
            : judgeCompatibility({ app, target: to, compare: facts.compare }, policy.compatibility);
    const verdict = judgeApproval(
        {
            changes: true,
            losesData: true,
            lost: lost.rows,
            unknownLoss: !lost.exact,
            changedDowns: [],
            digest,
            restOf: [],
        },
        policy,
    );
    const allowed = (r: RestorePlan["refusals"][number]): RestorePlan["refusals"][number] =>
        r.code === "approval" && question.approveWith !== undefined ? { ...r, allow: question.approveWith } : r;
    return {
        format: "schemaward/restore-plan/1",
        environment: declarer?.environment ?? "",
        set,
        ...(question.resource === undefined ? {} : { resource: question.resource }),
        digest,
        database: facts.database,
        requested: facts.requested,
        snapshot: {
            name: manifest.name,
            created: manifest.created,
            kind: manifest.kind,
            app: manifest.app,
            bytes: archiveBytes(manifest),
            sha256: manifest.archive.sha256,
            serverVersion: manifest.database.serverVersion,
        },
        from: facts.at,
        to,
        undone,
        redone,
        tables,
        lost,
        gate: facts.gate,
        emergency: question.emergency
            ? `${declarer?.environment ?? "db"}_pre-restore${app === undefined ? "" : `-v${app}`}_<UTC>`
            : null,
        kept: { name: `${facts.database}_before_<UTC>`, days: declaration.restore?.keepDays ?? 7 },
        estimatedSeconds: Math.ceil(
            2 +
                archiveBytes(manifest) / restoredPerSecond +
                (question.emergency ? (0.3 * facts.databaseBytes) / snapshotPerSecond : 0),
        ),
        app:
            app === undefined || compatibility === undefined
                ? null
                : { version: app, accepts: compatibility.accepts, ok: compatibility.refusal === undefined },
        approval: { needed: verdict.needed, given: verdict.given, maxRowsLost: policy.maxRowsLost ?? null },
        refusals: [
            ...foreign(declaration, facts, question),
            ...facts.obstacles,
            ...facts.refusals,
            ...wrongVersion(declaration, to, question, facts.compare),
            ...(compatibility?.refusal === undefined ? [] : [compatibility.refusal]),
            ...verdict.refusals.map(allowed),
        ],
        warnings: warningsOf(declaration, facts, question),
        run: [
            ...(declarer === undefined || question.resource === undefined ? [] : ["pulumi up"]),
            `schemaward snapshot restore ${manifest.name}${question.commandFlags === undefined || question.commandFlags === "" ? "" : ` ${question.commandFlags}`}`,
        ],
    };
}

/** Rows of a table that there are more of now. */
export function lostOf({ then, now }: TableThenAndNow): number {
    return Math.max(0, (now ?? 0) - (then ?? 0));
}

function thenAndNow({ tables: then }: Manifest, { rowsNow }: RestoreFacts): TableThenAndNow[] {
    const key = (t: { readonly schema: string; readonly name: string }): string =>
        t.schema === "public" ? t.name : `${t.schema}.${t.name}`;
    // What schemaward itself writes is carried over, and is nobody's loss; what keepData has kept is not.
    const counted = <T extends { readonly schema: string; readonly name: string }>(
        tables: readonly T[],
    ): Map<string, T> =>
        new Map(tables.filter((t) => t.schema !== "schemaward" || /^kept_\d+$/.test(t.name)).map((t) => [key(t), t]));
    const before = counted(then);
    const after = counted(rowsNow);
    return [...new Set([...before.keys(), ...after.keys()])]
        .map((table) => ({
            table,
            then: before.get(table)?.rows ?? null,
            now: after.get(table)?.rows ?? null,
            exact: (before.get(table)?.exact ?? true) && (after.get(table)?.exact ?? true),
        }))
        .sort((a, b) => lostOf(b) - lostOf(a) || (a.table < b.table ? -1 : 1));
}

function digestOf(
    { manifest, database, gate, at, lastRun, otherSets }: RestoreFacts,
    way: { readonly undone: readonly string[]; readonly redone: readonly string[] },
    { emergency }: RestoreQuestion,
): string {
    const bound = {
        restore: manifest.name,
        sha256: manifest.archive.sha256,
        database,
        from: at,
        to: manifest.from,
        ...way,
        // An approval is for once: after another run it is another restore.
        since: lastRun,
        otherSets: otherSets.map(({ name, at: where }) => `${name} ${where}`),
        emergency,
        gate: gate === null ? null : [gate.strategy, ...gate.keys.toSorted()],
    };
    return createHash("sha256").update(JSON.stringify(bound)).digest("hex").slice(0, 8);
}

/** A snapshot of something else: of another environment never, of another server or database when it is named. */
function foreign(
    { declarer, set }: Declaration,
    { manifest, systemIdentifier, database }: RestoreFacts,
    { adopt }: RestoreQuestion,
): RestorePlan["refusals"] {
    if (declarer !== undefined && manifest.environment !== declarer.environment)
        return [
            {
                code: "other-environment",
                text: `The snapshot is of the environment ${manifest.environment}, and this is ${declarer.environment}.`,
                allow: `a snapshot of ${declarer.environment}`,
            },
        ];
    if (manifest.set !== set && declarer !== undefined)
        return [
            {
                code: "other-set",
                text: `The snapshot was taken for the set ${manifest.set}, and this is ${set}.`,
                allow: `a snapshot of ${set}`,
            },
        ];
    const theirs = identityOf(manifest);
    if (adopt === theirs) return [];
    const known = manifest.database.systemIdentifier;
    const what =
        known !== null && systemIdentifier !== null && known !== systemIdentifier
            ? `The snapshot is of another server (system identifier ${known}), and this is ${systemIdentifier}.`
            : manifest.database.name !== database
              ? `The snapshot is of the database ${manifest.database.name}, and this is ${database}.`
              : undefined;
    return what === undefined
        ? []
        : [
              {
                  code: "other-database",
                  text: what,
                  allow: `schemaward snapshot restore ${manifest.name} … --adopt ${theirs}, if that very snapshot is meant for this database`,
              },
          ];
}

function wrongVersion(
    { version }: Declaration,
    to: string | null,
    { declaredVersionCounts }: RestoreQuestion,
    compare: RestoreFacts["compare"],
): RestorePlan["refusals"] {
    if (!declaredVersionCounts || (version !== "latest" && compare(version, to ?? "0") === 0)) return [];
    return [
        {
            code: "other-version",
            text: `The snapshot holds ${to ?? "0"}, and the declared version is ${version}: the next run would go on from there.`,
            allow: `version: "${to ?? "0"}"`,
        },
    ];
}

function warningsOf(
    { traffic, app }: Declaration,
    { manifest, gate, otherSets, rowsNow }: RestoreFacts,
    { emergency }: RestoreQuestion,
): string[] {
    const kept = rowsNow.some((t) => t.schema === "schemaward" && /^kept_\d+$/.test(t.name));
    return [
        ...otherSets.map(({ name, at }) => `the set ${name}, at ${at}, goes back with it to what it was then`),
        ...(kept ? ["what keepData has kept goes with it, unless it is in the snapshot"] : []),
        ...(emergency ? [] : ["no snapshot is taken of what is there now; only the database that is kept has it"]),
        ...(gate === null
            ? [
                  traffic === undefined
                      ? "traffic is not stopped (none is declared): what is written while it runs is lost"
                      : "traffic is not stopped (traffic.stopTraffic is never): what is written while it runs is lost",
              ]
            : []),
        ...(manifest.app !== null && app !== undefined && manifest.app !== app && manifest.kind !== "pre-migration"
            ? [`the snapshot was taken with app ${manifest.app}, declared is ${app}`]
            : []),
    ];
}
