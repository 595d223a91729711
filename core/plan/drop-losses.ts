import { parseColumn } from "../sql/column-definition";
import type { CatalogChange, CatalogObject, Observation } from "../sql/observation";
import type { MemberColumn, MemberTable } from "./extension-members";
import type { RelationFacts } from "./live-facts";
import { columnOf, qualify, withoutPublic } from "./names";
import type { Candidate, LossContext } from "./statement-losses";
import { keepsValues } from "./value-types";

/** What goes with an object that is dropped. */
export function fromDrop(
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

/** A table of an extension, which goes with it. */
export function fromMember(step: number, { qualified, bytes }: MemberTable, touched: ReadonlySet<string>): Candidate {
    return {
        step,
        loss: { kind: "table dropped", object: withoutPublic(qualified), bytes, counted: true },
        question: { sql: `SELECT count(*) FROM ONLY ${qualified}`, relation: qualified },
        stale: touched.has(qualified),
    };
}

/** A column of an extension's table, which goes with its type. */
export function fromMemberColumn(
    step: number,
    { qualified, column }: MemberColumn,
    touched: ReadonlySet<string>,
): Candidate {
    return {
        step,
        loss: {
            kind: "column dropped",
            object: `${withoutPublic(qualified)}.${column}`,
            bytes: null,
            counted: true,
        },
        question: { sql: `SELECT count(${column}) FROM ${qualified}`, relation: qualified },
        stale: touched.has(qualified),
    };
}

/** Values that a new type may not hold. */
export function fromTypeChange(step: number, change: CatalogChange, casts: ReadonlySet<string>): Candidate | undefined {
    const { object, liveName } = change;
    const [from, to] = typesOf(change) ?? ["", ""];
    if (liveName === undefined || keepsValues(from, to, casts)) return undefined;
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

/** A column's type before and after. */
function typesOf({ object, liveName, before }: CatalogChange): [from: string, to: string] | undefined {
    if (object.kind !== "column" || liveName === undefined || before === undefined) return undefined;
    return [parseColumn(before).type, parseColumn(object.definition).type];
}

/** Whether some column gets another type. */
export function changesTypes({ changed }: Observation): boolean {
    return changed.some((change) => {
        const [from, to] = typesOf(change) ?? [];
        return from !== to;
    });
}

/** The live tables that lose or change something in a step; of one that goes, the columns need not be looked at. */
export function relationsOf({ dropped, changed }: Observation): string[] {
    const gone = new Set<string | undefined>();
    for (const { object } of dropped) if (isTable(object)) gone.add(object.name);
    // What is changed has its new name, which a table that goes may have had.
    const alone = dropped.filter(({ object }) => object.kind !== "column" || !gone.has(object.of));
    return [...alone, ...changed].flatMap((change) => liveTable(change) ?? []);
}

/** Types and collations that go, and with them columns; names in the live database. */
export function droppedTypes({ dropped }: Observation): string[] {
    return dropped.flatMap(({ object, liveName }) =>
        ["type", "enum", "domain", "collation"].includes(object.kind) && liveName !== undefined
            ? qualify(liveName)
            : [],
    );
}

/** Names in the live database. */
export function droppedExtensions({ dropped }: Observation): string[] {
    return dropped.flatMap(({ object, liveName }) =>
        object.kind === "extension" && liveName !== undefined ? liveName : [],
    );
}

export function isTable({ kind }: CatalogObject): boolean {
    return kind === "table" || kind === "partition";
}

/** The live table that a change to a table or a column concerns. */
function liveTable({ object, liveName }: CatalogChange): string | undefined {
    if (liveName === undefined) return undefined;
    if (isTable(object) || object.kind === "materialized view") return qualify(liveName);
    return object.kind === "column" ? columnOf(liveName)[0] : undefined;
}
