import type { Client } from "pg";
import { parseColumn } from "../sql/column-definition";
import { quoteIdentifier } from "../sql/identifiers";
import { textOf, walk } from "../sql/nodes";
import type { CatalogChange, CatalogObject, Observation, Opaque } from "../sql/observation";
import { keepsRows } from "../sql/keeps-rows";
import type { RowChange } from "./dml";
import { EarlierRows } from "./earlier-rows";
import { ForeignKeys, readForeignKeys } from "./foreign-keys";
import { type Count, type CountQuestion, countRows, type RelationFacts, type RelationReader } from "./live-facts";
import { columnOf, qualify, quoted } from "./names";
import { namesIn, placeChanges, type PlacedStatement } from "./placed-changes";
import type { Loss } from "./plan";
import { type PreparedStep, statementsOf } from "./prepare";
import { type Candidate, convertedColumns, fromStatement, type LossContext } from "./statement-losses";
import { readMembers } from "./extension-members";
import { keepsValues } from "./value-types";

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
    settings: Omit<LossContext, "keys">,
): Promise<Loss[][]> {
    const placed = placeChanges(steps, observations);
    const changesRows = placed.some((step) => step.some(({ changes }) => changes.length > 0));
    const names = [...(changesRows ? placed.flatMap(namesIn) : []), ...observations.flatMap(relationsOf)];
    const facts = await relations.read(names);
    const keys = !changesRows ? new ForeignKeys([], []) : await readForeignKeys(client);
    const context: LossContext = { ...settings, keys };
    const members = await readMembers(client, [
        ...observations.flatMap(droppedExtensions),
        ...steps.flatMap((step) => updatedExtensions(step).map(({ name }) => name)),
    ]);
    const candidates: Candidate[] = [];
    const touched = new Set<string>();
    const made = new Set<string>();
    const earlier = new EarlierRows();
    // Live tables that the plan makes partitions: their rows are not counted with the parent's.
    const attached = new Set<string>();
    steps.forEach((step, index) => {
        const observation = observations[index];
        if (observation === undefined) return;
        for (const change of observation.added) made.add(change.object.name);
        for (const { object } of [...observation.added, ...observation.changed])
            if (object.kind === "constraint" && object.of !== undefined) keys.addMade(object.of, object.definition);
        const inLive: RowChange[] = [];
        const opaqueLines = new Set(observation.opaque.map(({ line }) => line));
        for (const each of changesRows ? (placed[index] ?? []) : []) {
            for (const change of inLiveNames(each, facts, earlier)) {
                inLive.push(change);
                candidates.push(...fromStatement(index, change, facts, touched, made, context));
            }
            for (const { change, place } of each.changes)
                if (
                    place !== "made" &&
                    place.live.length !== 1 &&
                    !place.live.some((parts) => facts.has(quoted(parts)))
                )
                    candidates.push(unplaced(index, change));
            earlier.add(each.statement, touchedBy(each, facts, context), opaqueLines.has(each.statement.line));
        }
        const dropped = new Set(observation.dropped.map((c) => c.object.name));
        for (const change of observation.dropped) {
            const goesWith = change.object.of !== undefined && dropped.has(change.object.of);
            if (goesWith && (change.liveName === undefined || !attached.has(change.liveName))) continue;
            const candidate = fromDrop(index, change, facts, touched, context);
            if (candidate !== undefined) candidates.push(candidate);
        }
        for (const { table, bytes } of droppedExtensions(observation).flatMap((name) => members.get(name) ?? []))
            candidates.push({
                step: index,
                loss: { kind: "table dropped", object: table.name, bytes, counted: true },
                question: { sql: `SELECT count(*) FROM ONLY ${table.qualified}`, relation: table.qualified },
                stale: touched.has(table.qualified),
            });
        const converted = new Set(inLive.flatMap((c) => convertedColumns(c, facts)));
        for (const change of observation.changed) {
            if (change.liveName !== undefined && converted.has(columnOf(change.liveName).join("."))) continue;
            const candidate = fromTypeChange(index, change);
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

/** The changes of a statement as they must be asked of the live database; of a table that the plan makes there are none. */
function inLiveNames(
    { statement, changes }: PlacedStatement,
    facts: ReadonlyMap<string, RelationFacts>,
    earlier: EarlierRows,
): RowChange[] {
    return changes.flatMap(({ change, place, column }) => {
        if (place === "made") return [];
        const live = place.live.find((parts) => facts.has(quoted(parts)));
        const known = live === undefined ? undefined : facts.get(quoted(live));
        if (live === undefined || known === undefined)
            return place.live.length === 1 ? [{ ...change, relation: place.live[0] ?? [] }] : [];
        const asNow = change.where === "" || earlier.areAsNow(statement, known.qualified);
        return [
            {
                ...change,
                relation: live,
                columns: change.columns.map((c) => column(live, c)),
                where: asNow ? change.where : undefined,
            },
        ];
    });
}

/** A change of which nobody can tell what table it concerns. */
function unplaced(step: number, { kind, relation, line }: RowChange): Candidate {
    return {
        step,
        loss: {
            kind: kind === "values converted" ? "type changed" : kind,
            object: quoted(relation),
            bytes: null,
            counted: true,
            note: "it cannot be told which table has this name by then",
            line,
        },
        question: undefined,
        stale: true,
    };
}

/** The live relations whose rows may be others after a statement. */
function touchedBy(
    { changes, touches }: PlacedStatement,
    facts: ReadonlyMap<string, RelationFacts>,
    { keys }: LossContext,
): string[] {
    const places = [...changes.map(({ place }) => place), ...touches];
    const relations = places.flatMap((place) =>
        place === "made" ? [] : place.live.flatMap((parts) => facts.get(quoted(parts))?.qualified ?? []),
    );
    return relations.flatMap((relation) => [relation, ...(changes.length > 0 ? keys.followers(relation) : [])]);
}

function fromDrop(
    step: number,
    { object, liveName }: CatalogChange,
    facts: ReadonlyMap<string, RelationFacts>,
    touched: ReadonlySet<string>,
    context: LossContext,
): Candidate | undefined {
    if (liveName === undefined) return undefined;
    if (isTable(object)) {
        const table = qualify(liveName);
        const kept = table === context.historyTable;
        // Inheritance children hold rows of their own, and are dropped or kept by themselves; partitions are the table.
        const only = object.definition.includes("PARTITION BY") ? "" : "ONLY ";
        return {
            step,
            loss: {
                kind: "table dropped",
                object: object.name,
                bytes: facts.get(table)?.bytes ?? null,
                counted: !kept,
                ...(kept ? { note: "the ledger keeps them" } : {}),
            },
            question: { sql: `SELECT count(*) FROM ${only}${table}`, relation: table },
            stale: touched.has(table),
        };
    }
    if (object.kind === "column") {
        const [table, column] = columnOf(liveName);
        if (parseColumn(object.definition).value?.startsWith("GENERATED ALWAYS AS (") === true) return undefined;
        const kept = table === context.historyTable;
        return {
            step,
            loss: {
                kind: "column dropped",
                object: object.name,
                bytes: null,
                counted: !kept,
                ...(kept ? { note: "the ledger keeps them" } : {}),
            },
            question: { sql: `SELECT count(${column}) FROM ${table}`, relation: table },
            stale: touched.has(table),
        };
    }
    return undefined;
}

function fromTypeChange(step: number, change: CatalogChange): Candidate | undefined {
    const { object, liveName, before } = change;
    if (object.kind !== "column" || liveName === undefined || before === undefined) return undefined;
    const from = parseColumn(before).type;
    const to = parseColumn(object.definition).type;
    if (keepsValues(from, to)) return undefined;
    const [table, column] = columnOf(liveName);
    return {
        step,
        loss: {
            kind: "type changed",
            object: object.name,
            bytes: null,
            counted: true,
            note: `${from} → ${to}: what does not fit is lost or fails`,
        },
        question: { sql: `SELECT count(${column}) FROM ${table}`, relation: table },
        // Some values may fit: the count is a bound.
        stale: true,
    };
}

/** The live tables that lose or change something in a step; of one that goes, the columns need not be looked at. */
export function relationsOf({ dropped, changed }: Observation): string[] {
    const gone = new Set<string | undefined>();
    for (const { object } of dropped) if (isTable(object)) gone.add(object.name);
    // What is changed has its new name, which a table that goes may have had.
    const alone = dropped.filter(({ object }) => object.kind !== "column" || !gone.has(object.of));
    return [...alone, ...changed].flatMap((change) => liveTable(change) ?? []);
}

/** Names in the live database. */
function droppedExtensions({ dropped }: Observation): string[] {
    return dropped.flatMap(({ object, liveName }) =>
        object.kind === "extension" && liveName !== undefined ? liveName : [],
    );
}

/** The extensions that a step updates. */
function updatedExtensions(step: PreparedStep): { name: string; line: number }[] {
    const found: { name: string; line: number }[] = [];
    for (const { node, line } of statementsOf(step))
        walk([node], (type, { extname }) => {
            if (type === "AlterExtensionStmt") found.push({ name: quoteIdentifier(textOf(extname)), line });
        });
    return found;
}

function isTable({ kind }: CatalogObject): boolean {
    return kind === "table" || kind === "partition";
}

/** The live table that a change to a table or a column concerns. */
function liveTable({ object, liveName }: CatalogChange): string | undefined {
    if (liveName === undefined) return undefined;
    if (isTable(object) || object.kind === "materialized view") return qualify(liveName);
    return object.kind === "column" ? columnOf(liveName)[0] : undefined;
}
