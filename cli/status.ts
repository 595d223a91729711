import { buildPlan } from "../core/plan/build";
import { lastRunText } from "../core/plan/last-run-text";
import { heldText } from "../core/plan/traffic-text";
import { print } from "./output";
import { readTarget, type TargetFlags } from "./target";

/** `schemaward status`: where the database is and what is pending, without observing any effect. */
export async function status(flags: TargetFlags & { readonly json?: boolean }): Promise<void> {
    const { declaration, ...asked } = readTarget(flags);
    const { plan, set, state } = await buildPlan(declaration, { ...asked, observe: "none" });
    const applied = state.applied.map((row) => ({
        version: row.version,
        name: row.name,
        origin: row.origin,
        appliedAt: row.origin === "adopted" ? null : row.appliedAt.toISOString(),
        appliedBy: row.appliedBy,
        onDisk: set.find(row.version) !== undefined,
    }));
    const have = new Set(applied.map((a) => a.version));
    const pending = set.migrations
        .filter((m) => !have.has(m.version))
        .map((m) => ({ version: m.version, name: m.name }));
    const document = {
        ok: true,
        set: declaration.set,
        environment: declaration.declarer?.environment ?? null,
        at: plan.from,
        declared: declaration.version,
        ledger: state.ledger.exists,
        adopt: plan.adopt,
        applied,
        pending,
        drift: plan.drift,
        lastRun: plan.lastRun,
        held: plan.held,
        unfinished: plan.unfinished,
        refusals: plan.refusals,
    };
    const last = applied.at(-1);
    print(flags.json === true, document, [
        `${declaration.set} is at ${plan.from ?? "0"}: ${applied.length} applied, ${pending.length} pending`,
        ...(last === undefined || last.appliedAt === null
            ? []
            : [`last: ${last.version} ${last.name}, ${last.appliedAt} by ${last.appliedBy}`]),
        ...(plan.adopt === null
            ? []
            : [`no ledger yet: ${plan.adopt.versions.length} versions will be adopted from ${plan.adopt.table}`]),
        ...applied
            .filter((a) => !a.onDisk)
            .map((a) => `${a.version} ${a.name} is applied and no longer on disk; the ledger keeps its SQL`),
        ...pending.slice(0, 20).map((m) => `pending ${m.version} ${m.name}`),
        ...(pending.length > 20 ? [`… and ${pending.length - 20} more`] : []),
        ...(plan.lastRun === null ? [] : [`last run: ${lastRunText(plan.lastRun)}`]),
        ...(plan.held === null ? [] : [heldText(plan.held)]),
        ...(plan.unfinished === null
            ? []
            : [
                  `unfinished: ${plan.unfinished.version} going ${plan.unfinished.direction}, ${plan.unfinished.done} of its transactions done`,
              ]),
        ...plan.drift.map((d) => `drift: ${d.what} ${d.kind} ${d.name}`),
        ...plan.refusals.flatMap((r) => [`REFUSED ${r.text}`, `  allow it with: ${r.allow}`]),
    ]);
}
