import { createHash } from "node:crypto";
import type { Declaration } from "../../declaration";
import { judgeApproval } from "../../policy/approval";
import { judgeCompatibility } from "../../policy/compatibility";
import { archiveBytes } from "../../snapshots/archive";
import type { Manifest } from "../../snapshots/manifest";
import {
    lostOf,
    type RestoreFacts,
    type RestorePlan,
    type RestoreQuestion,
    type TableThenAndNow,
} from "./restore-plan";
import { foreign, warningsOf, wrongVersion } from "./restore-refusals";

/** Archive bytes that pg_restore gets through in a second, roughly; reckoned for a small server. */
const restoredPerSecond = 6_000_000;
const snapshotPerSecond = 12_000_000;

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
