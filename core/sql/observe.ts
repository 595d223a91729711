import type { Client } from "pg";
import { readCatalog, type IdentifiedObject, type LiveCatalog } from "./catalog";
import { schemaChanges } from "./difference";
import { droppedNames } from "./dropped-names";
import { lostAttributes } from "./lost-attributes";
import { indexName, strongestLocks, weightOf } from "./locks";
import { judge } from "./judge";
import type { LockTaken, Observation, ObservedStep, SessionSettings } from "./observation";
import { whyNoTransaction } from "./script";
import { scriptPath } from "./script-path";
import type { Shadow } from "./shadow";
import { ShadowRunner, StepFailure } from "./shadow-runner";
import { loadParser } from "./parser";
import type { Statement } from "./statement";

/**
 * Runs steps one after the other on a shadow and looks at what they do: locks from pg_locks, rewrites from relfilenodes,
 * everything else from the catalog's difference. From a step on whose outcome depends on rows or on things outside, this and the later
 * ones are judged from parse tree and catalog, marked with the reason.
 * @param onStep told of each step that was run
 * @throws pg's DatabaseError only for the loss of the connection
 */
export async function observe(
    shadow: Shadow,
    steps: readonly ObservedStep[],
    settings: SessionSettings,
    onStep?: () => void,
): Promise<Observation[]> {
    await loadParser();
    const { client } = shadow;
    const runner = new ShadowRunner(client, shadow.reachesOut);
    let before = await readCatalog(client);
    const liveNames = new Map(before.objects.map(({ id, name }) => [id, name]));
    const observations: Observation[] = [];
    for (const [index, step] of steps.entries()) {
        await prepareSession(client, settings);
        const rest = steps.slice(index);
        try {
            const seen = await observeStep(client, runner, step, before, liveNames);
            observations.push(seen.observation);
            before = seen.after;
            onStep?.();
        } catch (error) {
            if (!(error instanceof StepFailure)) throw error;
            // Statements that ran outside of a transaction are still there: the judge reads the catalog as it is now.
            await client.query("ROLLBACK");
            await prepareSession(client, settings);
            return [...observations, ...(await judgeRest(client, rest, settings, before, liveNames, error, onStep))];
        }
    }
    return observations;
}

/** As before each migration of a run. The role is not set: on the shadow everything belongs to the role that logged in. */
async function prepareSession(client: Client, settings: SessionSettings): Promise<void> {
    await client.query("RESET SESSION AUTHORIZATION; RESET ALL; DISCARD TEMP");
    const path = scriptPath(settings, "session");
    if (path !== undefined) await client.query(path);
}

async function observeStep(
    client: Client,
    runner: ShadowRunner,
    step: ObservedStep,
    before: LiveCatalog,
    liveNames: ReadonlyMap<string, string>,
): Promise<{ observation: Observation; after: LiveCatalog }> {
    runner.beginStep();
    const locks: LockTaken[] = [];
    let after: LiveCatalog | undefined;
    for (const unit of step.transactional ? [step.statements] : step.statements.map((s) => [s])) {
        const alone = unit.length === 1 && unit[0] !== undefined && whyNoTransaction(unit[0]) !== undefined;
        if (alone && !step.transactional) {
            await runner.run(unit[0] as Statement);
            await runner.addOwnTransaction(unit[0] as Statement);
            continue;
        }
        await runner.begin();
        for (const statement of unit) await runner.run(statement);
        locks.push(...(await readLocks(client, before)));
        await runner.checkCluster(unit);
        if (step.transactional) after = await readCatalog(client);
        await client.query("COMMIT").catch((error: unknown) => {
            throw runner.failure(error, unit.at(-1), "COMMIT");
        });
    }
    after ??= await readCatalog(client);
    // A deferred trigger or constraint may have spoken at COMMIT only; the catalog was read before it for one trip less.
    const changes = schemaChanges(before, after, liveNames, runner.storage, droppedNames(step.statements));
    const rewrites = [...new Set([...changes.rewrites, ...runner.rewrites])];
    for (const why of lostAttributes(changes.changed, () => before.objects))
        runner.opaque.push({ line: step.statements[0]?.line ?? 1, why });
    const lockList = strongestLocks([...locks, ...runner.locks]);
    return {
        observation: { method: "observed", ...changes, rewrites, locks: lockList, opaque: [...runner.opaque] },
        after,
    };
}

/** Locks of this session on what existed before the step. Those on indexes and sequences only where the table's own is weaker. */
async function readLocks(client: Client, before: LiveCatalog): Promise<LockTaken[]> {
    const { rows } = await client.query<{ relation: string; constraint: string | null; mode: string }>(
        `SELECT relation::int8::text AS relation, k.oid::int8::text AS "constraint", upper(regexp_replace(replace(mode, 'Lock', ''), '([a-z])([A-Z])', '\\1 \\2', 'g')) AS mode
         FROM pg_catalog.pg_locks LEFT JOIN pg_catalog.pg_constraint k ON k.conindid = relation AND k.contype IN ('p', 'u', 'x')
         WHERE pid = pg_catalog.pg_backend_pid() AND locktype = 'relation' AND granted
         AND mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')`,
    );
    const taken = rows.flatMap(({ relation, constraint, mode }) => {
        const object = before.byId.get(`pg_class/${relation}/0`) ?? constraintIndex(before, constraint);
        return object === undefined ? [] : [{ object, mode }];
    });
    return taken
        .filter(
            ({ object, mode }) =>
                (object.kind !== "index" && object.kind !== "sequence") ||
                !taken.some((other) => other.object.id === object.ofId && weightOf(other.mode) >= weightOf(mode)),
        )
        .map(({ object, mode }) => ({ mode, relation: object.name }));
}

/** The index of a constraint, which no catalog lists. */
function constraintIndex({ byId }: LiveCatalog, oid: string | null): IdentifiedObject | undefined {
    const constraint = byId.get(`pg_constraint/${oid ?? ""}/0`);
    const table = byId.get(constraint?.ofId ?? "");
    return constraint === undefined || table === undefined
        ? undefined
        : { ...constraint, kind: "index", name: indexName(table, constraint.localName) };
}

async function judgeRest(
    client: Client,
    rest: readonly ObservedStep[],
    settings: SessionSettings,
    before: LiveCatalog,
    liveNames: ReadonlyMap<string, string>,
    failure: StepFailure,
    onStep: (() => void) | undefined,
): Promise<Observation[]> {
    const judged = await judge(client, rest, settings, { onObservation: () => onStep?.() });
    const ids = new Map(before.objects.map((object) => [object.name, object.id]));
    return judged.map((observation, index) => {
        const rename = <T extends { readonly liveName?: string }>(change: T): T => {
            const name = change.liveName === undefined ? undefined : liveNames.get(ids.get(change.liveName) ?? "");
            const { liveName: _, ...others } = change;
            return (name === undefined ? others : { ...others, liveName: name }) as T;
        };
        return {
            ...observation,
            reason:
                index === 0
                    ? failure.reason
                    : `the shadow could not follow after ${rest[0]?.label ?? "an earlier step"}`,
            changed: observation.changed.map(rename),
            renamed: observation.renamed.map(rename),
            dropped: observation.dropped.map(rename),
            ...(index === 0 && failure.wouldFail !== undefined ? { wouldFail: failure.wouldFail } : {}),
        };
    });
}
