import type { Client } from "pg";
import { quoteIdentifier } from "../sql/identifiers";
import { textOf, walk } from "../sql/nodes";
import type { CatalogObject, Observation, Opaque } from "../sql/observation";
import { keepsRows } from "../sql/keeps-rows";
import type { RowChange } from "./dml";
import {
    changesTypes,
    droppedExtensions,
    droppedTypes,
    fromDrop,
    fromMember,
    fromMemberColumn,
    fromTypeChange,
    isTable,
    relationsOf,
} from "./drop-losses";
import { EarlierRows } from "./earlier-rows";
import { ForeignKeys, readForeignKeys } from "./foreign-keys";
import { type Count, type CountQuestion, countRows, type RelationFacts, type RelationReader } from "./live-facts";
import { columnOf, qualify, withoutPublic } from "./names";
import { namesIn, placeChanges } from "./placed-changes";
import { fromPlaced, type Sight, touchedBy } from "./placed-losses";
import type { Loss } from "./plan";
import { type PreparedStep, statementsOf } from "./prepare";
import { type Candidate, convertedColumns, type LossContext } from "./statement-losses";
import { type MemberColumn, readMemberColumns, readMembers } from "./extension-members";
import { readCasts } from "./value-types";

/**
 * What each step destroys, counted in the live database.
 * @param client in a READ ONLY transaction with the migrations' search_path
 * @param relations of the same client
 */
export async function findLosses(
    client: Client,
    relations: RelationReader,
    steps: readonly PreparedStep[],
    observations: readonly Observation[],
    settings: Omit<LossContext, "keys" | "triggered">,
): Promise<Loss[][]> {
    const placed = placeChanges(steps, observations);
    const changesRows = placed.some((step) => step.some(({ changes }) => changes.length > 0));
    const names = [...(changesRows ? placed.flatMap(namesIn) : []), ...observations.flatMap(relationsOf)];
    const facts = await readWithSources(relations, names);
    const keys = !changesRows ? new ForeignKeys([], []) : await readForeignKeys(client);
    const triggered = new Set<string>();
    const context: LossContext = { ...settings, keys, triggered };
    const casts = new Set(observations.some(changesTypes) ? await readCasts(client) : []);
    const memberColumns = await columnsByStep(client, observations);
    const members = await readMembers(client, [
        ...observations.flatMap(droppedExtensions),
        ...steps.flatMap((step) => updatedExtensions(step).map(({ name }) => name)),
    ]);
    const candidates: Candidate[] = [];
    const touched = new Set<string>();
    const made = new Set<string>();
    const earlier = new EarlierRows();
    const sight: Sight = { facts, touched, made, earlier, context };
    // Live tables that the plan makes partitions: their rows are not counted with the parent's.
    const attached = new Set<string>();
    steps.forEach((step, index) => {
        const observation = observations[index];
        if (observation === undefined) return;
        for (const { object } of observation.added) if (isTable(object)) made.add(object.name);
        for (const parent of parentsOf(observation)) made.delete(parent);
        for (const { object } of [...observation.added, ...observation.changed])
            if (object.kind === "constraint" && object.of !== undefined) keys.addMade(object.of, object.definition);
        for (const { object } of [...observation.added, ...observation.changed]) {
            if (object.kind === "cast") casts.add(object.name.replaceAll("pg_catalog.", ""));
            if (object.kind === "trigger" && object.of !== undefined && setsRows(object))
                triggered.add(qualify(object.of));
        }
        const inLive: RowChange[] = [];
        const opaqueLines = new Set(observation.opaque.map(({ line }) => line));
        for (const each of changesRows ? (placed[index] ?? []) : []) {
            const { inLive: own, candidates: found } = fromPlaced(index, each, sight);
            inLive.push(...own);
            candidates.push(...found);
            earlier.add(each.statement, touchedBy(each, sight), opaqueLines.has(each.statement.line));
        }
        const dropped = new Set(observation.dropped.map((c) => c.object.name));
        for (const change of observation.dropped) {
            const goesWith = change.object.of !== undefined && dropped.has(change.object.of);
            if (goesWith && (change.liveName === undefined || !attached.has(change.liveName))) continue;
            const candidate = fromDrop(index, change, facts, touched, context);
            if (candidate !== undefined) candidates.push(candidate);
        }
        for (const table of droppedExtensions(observation).flatMap((name) => members.get(name) ?? []))
            candidates.push(fromMember(index, table, touched));
        for (const column of memberColumns[index] ?? []) candidates.push(fromMemberColumn(index, column, touched));
        const converted = new Set(inLive.flatMap((c) => convertedColumns(c, facts)));
        for (const change of observation.changed) {
            if (change.liveName !== undefined && converted.has(columnOf(change.liveName).join("."))) continue;
            const candidate = fromTypeChange(index, change, casts);
            if (candidate !== undefined) candidates.push(candidate);
        }
        for (const o of observation.opaque)
            if (o.mayTakeRows === true || !isHarmless(step, o.line)) candidates.push(unseen(index, o));
        for (const { name, line } of updatedExtensions(step))
            if (members.has(name) && !opaqueLines.has(line))
                candidates.push(
                    unseen(index, { line, why: `extension ${name}, which has tables, is updated by its own scripts` }),
                );
        for (const { object, before, liveName } of observation.changed)
            if (object.kind === "partition" && before?.includes("PARTITION OF ") === false && liveName !== undefined)
                attached.add(liveName);
        for (const table of relationsOf(observation)) touched.add(table);
    });
    const isEmpty = ({ relation }: CountQuestion): boolean => facts.get(relation)?.isEmpty === true;
    const asked = candidates.flatMap((c) => (c.question === undefined || isEmpty(c.question) ? [] : c.question));
    const counts = await countRows(client, asked, context.timeoutMs);
    let next = 0;
    const losses: Loss[][] = steps.map(() => []);
    for (const { step, loss, question, stale } of candidates) {
        const count =
            question === undefined ? unknownCount : isEmpty(question) ? noRows : (counts[next++] ?? unknownCount);
        const estimated = count.estimated === true ? { estimated: true } : {};
        losses[step]?.push({ ...loss, rows: count.rows, exact: count.exact && !stale, ...estimated });
    }
    return losses;
}

/** The facts of relations, and of the tables behind those that are views. */
async function readWithSources(
    relations: RelationReader,
    names: readonly string[],
): Promise<ReadonlyMap<string, RelationFacts>> {
    const facts = await relations.read(names);
    const behind = [...facts.values()].flatMap((known) => known.behind);
    return behind.length === 0 ? facts : new Map([...facts, ...(await relations.read(behind))]);
}

/** Tables that get the rows of such as exist, also by code. */
function parentsOf({ added, changed }: Observation): string[] {
    return [...added, ...changed].flatMap(({ object, liveName }) =>
        liveName === undefined || !isTable(object) ? [] : namesAfter(object.definition),
    );
}

function namesAfter(definition: string): string[] {
    const [, list = ""] = /(?:PARTITION OF |INHERITS \()([^)]*)/.exec(definition) ?? [];
    return (list.match(/(?:"(?:[^"]|"")+"|[\w$.])+/g) ?? []).map(withoutPublic);
}

async function columnsByStep(
    client: Client,
    observations: readonly Observation[],
): Promise<(readonly MemberColumn[])[]> {
    const columns: (readonly MemberColumn[])[] = [];
    for (const each of observations)
        columns.push(await readMemberColumns(client, droppedTypes(each), droppedExtensions(each)));
    return columns;
}

/** Whether a trigger may set columns of rows that are updated. */
function setsRows({ definition }: CatalogObject): boolean {
    return !/ (?:AFTER|FOR EACH STATEMENT) /.test(definition);
}

function unseen(step: number, { line, why }: Pick<Opaque, "line" | "why">): Candidate {
    return {
        step,
        loss: { kind: "unknown", object: `line ${line}`, bytes: null, counted: true, note: why, line },
        question: undefined,
        stale: true,
    };
}

/** Whether there is nothing on a line but statements that take no rows, whatever else they do. */
function isHarmless(step: PreparedStep, line: number): boolean {
    const statements = statementsOf(step).filter((s) => s.line === line);
    return statements.length > 0 && statements.every(keepsRows);
}

const unknownCount: Count = { rows: null, exact: false };
const noRows: Count = { rows: 0, exact: true };

/** The extensions that a step updates. */
function updatedExtensions(step: PreparedStep): { name: string; line: number }[] {
    const found: { name: string; line: number }[] = [];
    for (const { node, line } of statementsOf(step))
        walk([node], (type, { extname }) => {
            if (type === "AlterExtensionStmt") found.push({ name: quoteIdentifier(textOf(extname)), line });
        });
    return found;
}
