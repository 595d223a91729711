import type { Declaration } from "../../declaration";
import type { Manifest } from "../../snapshots/manifest";
import type { RestoreFacts, RestorePlan, RestoreQuestion } from "./restore-plan";

/** Which database a snapshot is of, as `adopt` names it. */
export function identityOf({ environment, database: { systemIdentifier, name } }: Manifest): string {
    return [environment, systemIdentifier ?? "unknown", name].join("/");
}

/** A snapshot of something else: of another environment never, of another server or database when it is named. */
export function foreign(
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

/** In a stack the next `up` would go on from what was restored. */
export function wrongVersion(
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

/** What nobody forbids and a person should know. */
export function warningsOf(
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
