import { type RowChange } from "./dml";
import type { ForeignKeys } from "./foreign-keys";
import type { CountQuestion, RelationFacts } from "./live-facts";
import { quoted, splitLast, withoutPublic } from "./names";
import type { Loss } from "./plan";

/** A loss whose rows are still to be counted. */
export interface Candidate {
    readonly step: number;
    readonly loss: Omit<Loss, "rows" | "exact">;
    readonly question: CountQuestion | undefined;
    /** Whether an earlier statement of the plan has changed the same relation, so that a count now is only a bound. */
    readonly stale: boolean;
}

export interface LossContext {
    readonly keys: ForeignKeys;
    /** Schema-qualified name of the mirrored history table; its rows are kept by the ledger. */
    readonly historyTable: string | undefined;
    /** Schema-qualified names of tables on which the plan has put row triggers by then. */
    readonly triggered: ReadonlySet<string>;
    readonly timeoutMs: number;
}

/**
 * What a statement that changes rows destroys.
 * @param touched relations that earlier statements of the plan have changed; this one's is added
 * @param made relations that the plan makes
 */
export function fromStatement(
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
        if (made.has(withoutPublic(table))) return [];
        return [
            {
                step,
                loss: { kind: kindOf(change), object: table, bytes: null, counted: true, line: change.line },
                question: undefined,
                stale: true,
            },
        ];
    }
    if (change.kind === "values converted") {
        const candidates = convertedColumns(change, facts).map((column): Candidate => ({
            step,
            loss: {
                kind: "type changed",
                object: withoutPublic(column),
                bytes: null,
                counted: true,
                note: "other values by the expression after USING",
                line: change.line,
            },
            question: {
                sql: `SELECT count(${splitLast(column)[1]}) FROM ${known.qualified}`,
                relation: known.qualified,
            },
            stale: touched.has(known.qualified),
        }));
        touched.add(known.qualified);
        return candidates;
    }
    const setsMore =
        known.setsOnUpdate || context.keys.kin(known.qualified).some((each) => context.triggered.has(each));
    // Values set in columns that this plan adds overwrite nothing that exists now, unless a trigger sets others.
    const isNewOnly =
        change.kind === "rows updated" &&
        change.columns.length > 0 &&
        known.behind.length === 0 &&
        !change.columns.some((c) => known.columns.has(c));
    if (isNewOnly && !setsMore) return [];
    const all = `SELECT count(*) FROM ${table}`;
    const alias = change.alias === undefined ? "" : ` AS "${change.alias.replaceAll('"', '""')}"`;
    const condition = change.where === undefined || change.where === "" ? "" : `${alias} WHERE ${change.where}`;
    const kept = known.qualified === context.historyTable;
    const candidates: Candidate[] = [
        {
            step,
            loss: {
                kind: kindOf(change),
                object: table,
                bytes: null,
                counted: !kept,
                line: change.line,
                ...(kept ? { note: "the ledger keeps them" } : {}),
            },
            question: { sql: all + condition, fallback: all, relation: table },
            stale: touched.has(known.qualified) || change.where === undefined || isNewOnly,
        },
    ];
    for (const other of followersOf(change, known, context)) {
        // It has no rows but the plan's own.
        if (made.has(withoutPublic(other)) && !facts.has(other)) continue;
        candidates.push(byKey(step, change, other));
    }
    for (const table of [known.qualified, ...known.behind])
        for (const each of context.keys.kin(table)) touched.add(each);
    return candidates;
}

/** What goes in another table with the rows of a change. */
export function byKey(step: number, change: RowChange, table: string): Candidate {
    return {
        step,
        loss: {
            kind: kindOf(change),
            object: withoutPublic(table),
            bytes: null,
            counted: true,
            note: `by foreign key, with ${quoted(change.relation)}`,
            line: change.line,
        },
        question: { sql: `SELECT count(*) FROM ${table}`, relation: table },
        stale: change.kind !== "rows truncated",
    };
}

/** A change of which nobody can tell what table it concerns. */
export function unplaced(step: number, change: RowChange): Candidate {
    return {
        step,
        loss: {
            kind: kindOf(change),
            object: quoted(change.relation),
            bytes: null,
            counted: true,
            note: "it cannot be told which table has this name by then",
            line: change.line,
        },
        question: undefined,
        stale: true,
    };
}

/** Tables whose rows or values go along by foreign keys; of a view, with those of the tables behind it. */
function followersOf(change: RowChange, { qualified, behind }: RelationFacts, { keys }: LossContext): string[] {
    const tables = [qualified, ...behind];
    // A view may call its columns otherwise than its tables do.
    const columns = behind.length > 0 ? [] : change.columns;
    const followers = tables.flatMap((table) => {
        if (change.kind === "rows deleted") return keys.followers(table);
        if (change.kind === "rows updated") return keys.updateFollowers(table, columns);
        return change.kind === "rows truncated" && change.cascade ? keys.referrers(table) : [];
    });
    return [...new Set(followers)];
}

function kindOf({ kind }: RowChange): Loss["kind"] {
    return kind === "values converted" ? "type changed" : kind;
}

/** Columns, qualified, whose values ALTER COLUMN … TYPE … USING makes anew; only those that exist now. */
export function convertedColumns(change: RowChange, facts: ReadonlyMap<string, RelationFacts>): string[] {
    const known = facts.get(quoted(change.relation));
    if (change.kind !== "values converted" || known === undefined) return [];
    return change.columns.filter((c) => known.columns.has(c)).map((c) => `${known.qualified}.${quoted([c])}`);
}
