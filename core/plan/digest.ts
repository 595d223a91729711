import { createHash } from "node:crypto";
import type { Plan } from "./plan";

/**
 * What an approval binds: direction, migrations, script hashes, objects lost, hazards. Never counts, bytes, times or
 * names with a clock in them, so that it stays the same while the application goes on writing.
 */
export function planDigest(plan: Pick<Plan, "direction" | "adopt" | "steps" | "from" | "to">): string {
    const bound = {
        direction: plan.direction,
        from: plan.from,
        to: plan.to,
        adopt: plan.adopt?.versions ?? [],
        steps: plan.steps.map((s) => ({
            direction: s.direction,
            version: s.version,
            checksum: s.script.checksum,
            dropped: s.dropped.map((o) => `${o.kind} ${o.name}`).toSorted(),
            losses: s.losses.map((l) => `${l.kind} ${l.object}`).toSorted(),
            locks: s.locks.map((l) => `${l.mode} ${l.relations.toSorted().join()}`).toSorted(),
            rewrites: s.rewrites.toSorted(),
            opaque: s.opaque.map((o) => `${o.line} ${o.why}`).toSorted(),
        })),
    };
    return createHash("sha256").update(JSON.stringify(bound)).digest("hex").slice(0, 8);
}
