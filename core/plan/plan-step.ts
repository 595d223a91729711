import { redactSql } from "../sql/sensitive";
import type { CatalogChange, Observation } from "../sql/observation";
import type { RelationReader } from "./live-facts";
import type { Lock, Loss, ObjectChange, PlanStep } from "./plan";
import type { PreparedStep } from "./prepare";

/** The plan's account of one step, from what was observed and counted. */
export async function planStep(
    relations: RelationReader,
    step: PreparedStep,
    observation: Observation | undefined,
    losses: readonly Loss[],
): Promise<PlanStep> {
    const dropped = independent(observation?.dropped ?? []);
    const sizes = await relations.read(
        dropped.filter((c) => c.object.kind === "materialized view").flatMap((c) => c.liveName ?? []),
    );
    return {
        direction: step.direction,
        version: step.version,
        name: step.name,
        script: { file: step.script.file, checksum: step.script.checksum, source: step.source },
        ...(step.source === "ledger" ? { storedSql: redactSql(step.script.sql) } : {}),
        differsFromLedger: step.differsFromLedger,
        transactions: step.shape.units.length,
        ...(step.shape.reason === undefined ? {} : { transactionsReason: step.shape.reason }),
        method: observation?.method ?? "skipped",
        ...(observation?.reason === undefined ? {} : { methodReason: observation.reason }),
        added: independent(observation?.added ?? []).map((c) => described(c)),
        changed: [
            ...independent(observation?.changed ?? []).map((c) => described(c)),
            ...(observation?.renamed ?? [])
                .filter((c) => c.renamedFrom !== undefined && c.renamedFrom !== c.object.name)
                .map((c) => ({ kind: c.object.kind, name: c.object.name, note: `was ${c.renamedFrom ?? ""}` })),
        ],
        dropped: dropped.map((c) => {
            const bytes = c.liveName === undefined ? undefined : sizes.get(c.liveName)?.bytes;
            return bytes === undefined ? described(c) : { ...described(c), bytes };
        }),
        losses,
        locks: byMode(observation?.locks ?? []),
        rewrites: observation?.rewrites ?? [],
        opaque: (observation?.opaque ?? []).map(({ line, why }) => ({ line, why })),
        replaced: step.replaced,
        ...(step.verify === undefined ? {} : { verifiedBy: step.verify.file }),
        ...(observation?.wouldFail === undefined ? {} : { wouldFail: observation.wouldFail }),
    };
}

/** Leaves out what comes and goes with a table (or view, …) that comes or goes in the same step; triggers are code, and stay. */
function independent(changes: readonly CatalogChange[]): CatalogChange[] {
    const names = new Set(changes.map((c) => c.object.name));
    return changes.filter((c) => c.object.kind === "trigger" || c.object.of === undefined || !names.has(c.object.of));
}

function described({ object, victim, before }: CatalogChange): ObjectChange {
    return {
        kind: object.kind,
        name: object.name,
        ...(before === undefined || object.kind !== "column" ? {} : { note: `${before} → ${object.definition}` }),
        ...(victim === true ? { victim } : {}),
        ...(isStrict(object) ? { strict: true } : {}),
    };
}

function isStrict({ kind, definition }: CatalogChange["object"]): boolean {
    if (kind === "index") return definition.startsWith("CREATE UNIQUE ");
    return kind === "column" && definition.includes(" NOT NULL") && !/ DEFAULT | GENERATED /.test(definition);
}

function byMode(locks: Observation["locks"]): Lock[] {
    const modes = new Map<string, string[]>();
    for (const { mode, relation } of locks) modes.set(mode, [...(modes.get(mode) ?? []), relation]);
    return [...modes].map(([mode, relations]) => ({ mode, relations }));
}
