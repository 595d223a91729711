import type { RetentionRules } from "../core/declaration";
import { BadInputError } from "../core/errors";
import { bytesText } from "../core/plan/render-text";
import { readStore } from "../core/snapshots/contents";
import { prune } from "../core/snapshots/prune";
import { type DeleteReason, type KeepReason, rulesOf } from "../core/snapshots/retention";
import { interruptible } from "./interruptible";
import { print } from "./output";
import { readSnapshotTarget, type SnapshotFlags, type SnapshotTarget } from "./snapshot-target";

interface PruneFlags extends SnapshotFlags {
    readonly keepLast?: number;
    readonly keepDaily?: number;
    readonly keepWeekly?: number;
    readonly dryRun?: boolean;
}

/** `schemaward snapshot prune`: deletes what no rule keeps. Needs no database. */
export async function pruneCommand(flags: PruneFlags): Promise<void> {
    const target = readSnapshotTarget(flags);
    const { store } = target;
    const rules = rulesFor(flags, target);
    await interruptible(async (signal) => {
        await checkScope(target);
        const dryRun = flags.dryRun === true;
        const pruned = await prune(store, rules, { ...target.scope, dryRun, signal });
        const { deleted, spared, swept, freedBytes } = pruned;
        const decisions = pruned.decisions.filter((d) => !(d.reasons as readonly string[]).includes("elsewhere"));
        const document = { ok: true, store: store.url, dryRun, decisions, deleted, spared, swept, freedBytes };
        const would = dryRun ? "would be " : "";
        print(flags.json === true, document, [
            ...decisions.map(
                ({ name, keep, reasons }) =>
                    `${keep ? "keep  " : "delete"}  ${name}  (${reasons.map(reasonText).join(", ")})`,
            ),
            ...spared.map(({ name, why }) => `spared  ${name}  (${why})`),
            ...swept.map((name) => `sweep   ${name}  (left behind by something that was killed)`),
            `${String(deleted.length)} ${deleted.length === 1 ? "snapshot" : "snapshots"} ${would}deleted, ${bytesText(freedBytes)} ${would}freed, ${String(decisions.length - deleted.length)} kept`,
        ]);
    }, "no further snapshot is deleted");
}

function rulesFor({ keepLast, keepDaily, keepWeekly }: PruneFlags, { keep }: SnapshotTarget): RetentionRules {
    if ((keepLast ?? keepDaily ?? keepWeekly) === undefined && keep !== undefined) return rulesOf(keep);
    return { last: keepLast, daily: keepDaily, weekly: keepWeekly };
}

/** A store may hold other environments' snapshots, which other people count on. */
async function checkScope({ store, scope }: SnapshotTarget): Promise<void> {
    if (scope.environment !== undefined) return;
    const { snapshots } = await readStore(store);
    const environments = [...new Set(snapshots.map(({ manifest }) => manifest.environment))].sort();
    if (environments.length > 1)
        throw new BadInputError({
            what: `The store holds snapshots of ${environments.join(", ")}.`,
            where: { object: store.url },
            state: "Nothing was deleted.",
            next: "Say whose with --environment.",
        });
}

const texts: Partial<Record<KeepReason | DeleteReason, string>> = {
    last: "one of the newest",
    daily: "newest of its day",
    weekly: "newest of its week",
    "newest-verified": "newest verified one",
    emergency: "emergency snapshot of the last 7 days",
    "in-use": "somebody reads it",
    "unreadable-record": "whether it is whole cannot be read",
    "outside-rules": "no rule keeps it",
};

function reasonText(reason: KeepReason | DeleteReason): string {
    return texts[reason] ?? reason;
}
