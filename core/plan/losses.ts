import type { Client } from "pg";
import type { CatalogChange, Observation } from "../sql/observation";
import { rowChanges, type RowChange } from "./dml";
import { type Count, type CountQuestion, countRows, readRelations, type RelationFacts } from "./live-facts";
import type { Loss } from "./plan";
import { type PreparedStep, statementsOf } from "./prepare";
import { columnType, keepsValues } from "./value-types";

/** A loss whose rows are still to be counted. */
interface Candidate {
    readonly step: number;
    readonly loss: Omit<Loss, "rows" | "exact">;
    readonly question: CountQuestion | undefined;
    /** Whether an earlier statement of the plan has changed the same relation, so that a count now is only a bound. */
    readonly stale: boolean;
}

export interface LossContext {
    /** Schema-qualified name of the mirrored history table; its rows are kept by the ledger. */
    readonly historyTable: string | undefined;
    readonly timeoutMs: number;
}

/**
 * What each step destroys, counted in the live database.
 * @param client in a READ ONLY transaction with the migrations' search_path
 */
export async function findLosses(
    client: Client,
    steps: readonly PreparedStep[],
    observations: readonly Observation[],
    context: LossContext,
): Promise<Loss[][]> {
    const dml = steps.map((step) => statementsOf(step).flatMap(rowChanges));
    const names = [
        ...dml.flat().map((c) => quoted(c.relation)),
        ...observations.flatMap((o) => [...o.dropped, ...o.changed].flatMap((c) => liveTable(c) ?? [])),
    ];
    const facts = await readRelations(client, names);
    const candidates: Candidate[] = [];
    const touched = new Set<string>();
    const made = new Set<string>();
    steps.forEach((_, index) => {
        const observation = observations[index];
        if (observation === undefined) return;
        for (const change of observation.added) made.add(change.object.name);
        for (const statement of dml[index] ?? [])
            candidates.push(...fromStatement(index, statement, facts, touched, made, context));
        const dropped = new Set(observation.dropped.map((c) => c.object.name));
        for (const change of observation.dropped) {
            if (change.object.of !== undefined && dropped.has(change.object.of)) continue;
            const candidate = fromDrop(index, change, facts, touched, context);
            if (candidate !== undefined) candidates.push(candidate);
        }
        for (const change of observation.changed) {
            const candidate = fromTypeChange(index, change, touched);
            if (candidate !== undefined) candidates.push(candidate);
        }
        for (const o of observation.opaque) {
            candidates.push({
                step: index,
                loss: {
                    kind: "unknown",
                    object: `line ${o.line}`,
                    bytes: null,
                    counted: true,
                    note: o.why,
                    line: o.line,
                },
                question: undefined,
                stale: true,
            });
        }
        for (const change of [...observation.changed, ...observation.dropped]) {
            const table = liveTable(change);
            if (table !== undefined) touched.add(table);
        }
    });
    const asked = candidates.flatMap((c) => c.question ?? []);
    const counts = await countRows(client, asked, context.timeoutMs);
    let next = 0;
    const losses: Loss[][] = steps.map(() => []);
    for (const { step, loss, question, stale } of candidates) {
        const count: Count = question === undefined ? { rows: null, exact: false } : (counts[next++] ?? unknownCount);
        losses[step]?.push({ ...loss, rows: count.rows, exact: count.exact && !stale });
    }
    return losses;
}

const unknownCount: Count = { rows: null, exact: false };

function fromDrop(
    step: number,
    { object, liveName }: CatalogChange,
    facts: ReadonlyMap<string, RelationFacts>,
    touched: ReadonlySet<string>,
    context: LossContext,
): Candidate | undefined {
    if (liveName === undefined) return undefined;
    if (object.kind === "table" || object.kind === "partition") {
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
        if (/\bgenerated always as \(/i.test(object.definition)) return undefined;
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

function fromTypeChange(step: number, change: CatalogChange, touched: ReadonlySet<string>): Candidate | undefined {
    const { object, liveName, before } = change;
    if (object.kind !== "column" || liveName === undefined || before === undefined) return undefined;
    const from = columnType(before);
    const to = columnType(object.definition);
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
        stale: touched.has(table),
    };
}

function fromStatement(
    step: number,
    change: RowChange,
    facts: ReadonlyMap<string, RelationFacts>,
    touched: Set<string>,
    made: ReadonlySet<string>,
    context: LossContext,
): Candidate[] {
    const table = quoted(change.relation);
    const known = facts.get(table);
    if (known === undefined) {
        // Not there now: made by this plan, then its rows are no loss; else nobody can tell.
        if (made.has(table.replace(/^public\./, ""))) return [];
        return [
            {
                step,
                loss: { kind: change.kind, object: table, bytes: null, counted: true, line: change.line },
                question: undefined,
                stale: true,
            },
        ];
    }
    // Values set in columns that this plan adds overwrite nothing that exists now.
    if (
        change.kind === "rows updated" &&
        change.columns.length > 0 &&
        !change.columns.some((c) => known.columns.has(c))
    )
        return [];
    const all = `SELECT count(*) FROM ${table}`;
    const alias = change.alias === undefined ? "" : ` AS "${change.alias.replaceAll('"', '""')}"`;
    const condition = change.where === undefined || change.where === "" ? "" : `${alias} WHERE ${change.where}`;
    const kept = known.qualified === context.historyTable;
    const candidates: Candidate[] = [
        {
            step,
            loss: {
                kind: change.kind,
                object: table,
                bytes: null,
                counted: !kept,
                line: change.line,
                ...(kept ? { note: "the ledger keeps them" } : {}),
            },
            question: { sql: all + condition, fallback: all, relation: table },
            stale: touched.has(known.qualified) || change.where === undefined,
        },
    ];
    const others =
        change.kind === "rows deleted"
            ? known.followers
            : change.kind === "rows truncated" && change.cascade
              ? known.referrers
              : [];
    for (const other of others) {
        candidates.push({
            step,
            loss: {
                kind: change.kind === "rows truncated" ? "rows truncated" : "rows deleted",
                object: other,
                bytes: null,
                counted: true,
                note: `by foreign key, with ${table}`,
                line: change.line,
            },
            question: { sql: `SELECT count(*) FROM ${other}`, relation: other },
            stale: change.kind !== "rows truncated",
        });
    }
    touched.add(known.qualified);
    return candidates;
}

/** The live table that a change to a table or a column concerns. */
function liveTable({ object, liveName }: CatalogChange): string | undefined {
    if (liveName === undefined) return undefined;
    if (object.kind === "table" || object.kind === "partition" || object.kind === "materialized view")
        return qualify(liveName);
    return object.kind === "column" ? columnOf(liveName)[0] : undefined;
}

/** The catalog leaves `public.` out of names; SQL that must not depend on the search_path needs it. */
function qualify(name: string): string {
    return splitLast(name)[0] === "" ? `public.${name}` : name;
}

function columnOf(name: string): [table: string, column: string] {
    const [table, column] = splitLast(name);
    return [qualify(table), column];
}

/** `audit."Log".id` → [`audit."Log"`, `id`]; identifiers as the server quotes them. */
export function splitLast(name: string): [string, string] {
    const match = /^(.*)\.("(?:[^"]|"")*"|[^."]+)$/s.exec(name);
    return match?.[1] === undefined || match[2] === undefined ? ["", name] : [match[1], match[2]];
}

function quoted(parts: readonly string[]): string {
    return parts.map((p) => (/^[a-z_][a-z0-9_$]*$/.test(p) ? p : `"${p.replaceAll('"', '""')}"`)).join(".");
}

/** Sums for the plan's total: rows, values, bytes, and whether anything cannot be counted. */
export function totalLoss(losses: readonly Loss[]): { rows: number; values: number; bytes: number; unknown: boolean } {
    const counted = losses.filter((l) => l.counted);
    const isValue = (l: Loss): boolean =>
        l.kind === "column dropped" || l.kind === "rows updated" || l.kind === "type changed";
    return {
        rows: sum(counted.filter((l) => !isValue(l)).map((l) => l.rows ?? 0)),
        values: sum(counted.filter(isValue).map((l) => l.rows ?? 0)),
        bytes: sum(counted.map((l) => l.bytes ?? 0)),
        unknown: counted.some((l) => l.rows === null),
    };
}

function sum(numbers: readonly number[]): number {
    return numbers.reduce((a, b) => a + b, 0);
}
