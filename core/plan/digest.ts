import { createHash } from "node:crypto";
import type { Plan, PlanStep } from "./plan";

/**
 * What an approval binds: direction, migrations, script hashes, objects lost, hazards, what traffic is stopped through. Never counts, bytes, times or
 * names with a clock in them, so that it stays the same while the application goes on writing.
 */
export function planDigest(plan: Pick<Plan, "direction" | "adopt" | "steps" | "from" | "to" | "traffic">): string {
    const bound = {
        direction: plan.direction,
        from: plan.from,
        to: plan.to,
        adopt: plan.adopt?.versions ?? [],
        steps: plan.steps.map(boundOf),
        // Absent where none is stopped.
        gate:
            plan.traffic?.stop === true
                ? [plan.traffic.strategy, ...plan.traffic.parts.map((p) => p.key).toSorted()]
                : undefined,
    };
    return createHash("sha256").update(JSON.stringify(bound)).digest("hex").slice(0, 8);
}

/**
 * Whether a plan is the rest of another, of which `done` have taken effect: it leads to the same place by the very steps that are left,
 * each with the same script, losses and hazards. Who approved the whole has read all of it.
 */
export function isRestOf(
    plan: Pick<Plan, "steps" | "to">,
    whole: Pick<Plan, "steps" | "to">,
    done: readonly { readonly version: string }[],
): boolean {
    if (plan.to !== whole.to) return false;
    const begun = whole.steps.slice(0, done.length).map((s) => s.version);
    const left = whole.steps.slice(done.length);
    return (
        sameText(
            begun,
            done.map((s) => s.version),
        ) && sameText(plan.steps.map(boundOf), left.map(boundOf))
    );
}

function boundOf(s: PlanStep): object {
    return {
        direction: s.direction,
        version: s.version,
        checksum: s.script.checksum,
        dropped: s.dropped.map((o) => `${o.kind} ${o.name}`).toSorted(),
        losses: s.losses.map((l) => `${l.kind} ${l.object}${l.kept === true ? " kept" : ""}`).toSorted(),
        // Absent where nothing is.
        loads: s.loads?.map((l) => l.object).toSorted(),
        locks: s.locks.map((l) => `${l.mode} ${l.relations.toSorted().join()}`).toSorted(),
        rewrites: s.rewrites.toSorted(),
        opaque: s.opaque.map((o) => `${o.line} ${o.why}`).toSorted(),
    };
}

function sameText(a: unknown, b: unknown): boolean {
    return JSON.stringify(a) === JSON.stringify(b);
}
