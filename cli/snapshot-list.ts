import { bytesText } from "../core/plan/render-text";
import { archiveBytes } from "../core/snapshots/archive";
import { isIn, readStore, type StoredSnapshot } from "../core/snapshots/contents";
import { parseSnapshotName } from "../core/snapshots/name";
import { print } from "./output";
import { ageText, summaryOf } from "./snapshot-summary";
import { readSnapshotTarget, type SnapshotFlags } from "./snapshot-target";

/** `schemaward snapshot list`: what is in the store, and what there is no snapshot. Needs no database. */
export async function listSnapshots(flags: SnapshotFlags & { readonly all?: boolean }): Promise<void> {
    const { store, scope: asked } = readSnapshotTarget(flags);
    const scope = flags.all === true ? {} : asked;
    const contents = await readStore(store);
    const snapshots = contents.snapshots.filter(({ manifest }) => isIn(scope, manifest));
    // Of one whose name says nothing nobody knows whose it is.
    const unusable = contents.unusable.filter(({ name }) => {
        const of = parseSnapshotName(name)?.environment;
        return of === undefined || scope.environment === undefined || of === scope.environment;
    });
    const others = contents.snapshots.length - snapshots.length;
    const now = new Date();
    print(flags.json === true, { ok: true, store: store.url, snapshots: snapshots.map(summaryOf), unusable }, [
        ...(snapshots.length === 0
            ? [`no snapshot${scope.environment === undefined ? "" : ` of ${scope.environment}`} in ${store.url}`]
            : table([heads, ...snapshots.map((s) => cellsOf(s, now))])),
        ...(others === 0 ? [] : [`${String(others)} more of others: --all shows them`]),
        ...unusable.map(({ name, why }) => `unusable: ${name}: ${why}`),
    ]);
}

const heads = ["NAME", "ENVIRONMENT", "VERSIONS", "SIZE", "AGE", "KIND", "VERIFIED", "PROTECTED"];

function cellsOf(snapshot: StoredSnapshot, now: Date): string[] {
    const { manifest, verified } = snapshot;
    const { name, environment, from, to, created, kind } = manifest;
    const versions = from === to ? (from ?? "0") : `${from ?? "0"} → ${to ?? "0"}`;
    const state =
        verified === null
            ? "unknown: its record cannot be read"
            : verified.ok
              ? ageText(verified.at, now)
              : `DAMAGED (${ageText(verified.at, now)})`;
    return [
        ...[name, environment, versions, bytesText(archiveBytes(manifest)), ageText(created, now), kind],
        ...[state, [...(snapshot.protected ? ["yes"] : []), ...(snapshot.inUse ? ["is being read"] : [])].join(", ")],
    ];
}

function table(rows: readonly (readonly string[])[]): string[] {
    const widths = heads.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
    return rows.map((row) =>
        row
            .map((cell, column) => cell.padEnd(widths[column] ?? 0))
            .join("  ")
            .trimEnd(),
    );
}
