import type { IdentifiedObject } from "../catalog";
import { withParts } from "../column-definition";
import { unquote, type RangeVar } from "../identifiers";
import type { JudgeContext } from "./context";
import { chooseRelationName } from "./names";
import { hasIndex } from "./kinds";

export interface TableLikeClause {
    readonly relation?: RangeVar;
    readonly options?: number;
}

/** Bits of TableLikeOption in PostgreSQL's parsenodes.h. */
const including = {
    comments: 1,
    constraints: 4,
    defaults: 8,
    generated: 16,
    identity: 32,
    indexes: 64,
    statistics: 128,
};

/** CREATE TABLE (LIKE other …): the other's columns, and what INCLUDING says. */
export function likeClause(context: JudgeContext, table: IdentifiedObject, clause: TableLikeClause): void {
    const { model } = context;
    const source = context.relation(clause.relation);
    if (source === undefined) return;
    const has = (what: keyof typeof including): boolean => ((clause.options ?? 0) & including[what]) !== 0;
    for (const column of model.columns(source)) {
        const generated = column.definition.includes("GENERATED ALWAYS AS (");
        const made = model.addPart(
            "column",
            table,
            unquote(column.localName),
            withParts(column.definition, {
                ...((generated ? has("generated") : has("defaults")) ? {} : { value: undefined }),
                ...(has("identity") ? {} : { identity: undefined }),
                rest: "",
            }),
        );
        for (const d of model.dependencies.of(column.id))
            if (d.type === "n") model.dependencies.add(made.id, `${d.on}/${d.onSubid}`, "n");
        if (has("comments")) copyComment(context, column, made);
        if (has("identity") && column.definition.includes(" AS IDENTITY")) {
            const name = chooseRelationName(model, table, unquote(column.localName), "seq");
            const sequence = model.addOwned(
                "sequence",
                table,
                { schema: model.schemaName(table) ?? "public", name },
                "SEQUENCE",
            );
            model.dependencies.add(sequence.id, made.id, "i");
        }
    }
    for (const part of model.parts(source)) copyPart(context, table, part, has);
}

function copyPart(
    context: JudgeContext,
    table: IdentifiedObject,
    part: IdentifiedObject,
    has: (what: keyof typeof including) => boolean,
): void {
    const { model } = context;
    const columns = model
        .columns(table)
        .map(({ localName }) => localName)
        .filter((name) => part.definition.includes(name));
    const named = columns.map(unquote).join("_");
    const schema = model.schemaName(table) ?? "public";
    const link = (made: IdentifiedObject): void => {
        for (const name of columns) {
            const column = model.part("column", table, unquote(name));
            if (column !== undefined) model.dependencies.add(made.id, column.id, "a");
        }
        if (has("comments")) copyComment(context, part, made);
    };
    if (part.kind === "constraint" && part.definition.startsWith("CHECK") && has("constraints"))
        link(model.addPart("constraint", table, unquote(part.localName), part.definition));
    if (part.kind === "constraint" && hasIndex(part) && has("indexes")) {
        const label = part.definition.startsWith("PRIMARY")
            ? "pkey"
            : part.definition.startsWith("UNIQUE")
              ? "key"
              : "excl";
        const name = chooseRelationName(model, table, label === "pkey" ? "" : keyColumns(part), label);
        link(model.addPart("constraint", table, name, part.definition));
    }
    if (part.kind === "index" && has("indexes"))
        link(
            model.addOwned(
                "index",
                table,
                { schema, name: chooseRelationName(model, table, keyColumns(part) || named, "idx") },
                part.definition,
            ),
        );
    if (part.kind === "statistics" && has("statistics"))
        link(
            model.addOwned(
                "statistics",
                table,
                { schema, name: chooseRelationName(model, table, named, "stat") },
                part.definition,
            ),
        );
}

/** `PRIMARY KEY (id, day)` → id_day */
function keyColumns({ definition }: IdentifiedObject): string {
    const list = /\(([^()]*)\)/.exec(definition)?.[1] ?? "";
    return list
        .split(",")
        .map((item) => unquote(/^"(?:[^"]|"")*"|^\S+/.exec(item.trim())?.[0] ?? ""))
        .join("_");
}

function copyComment({ model }: JudgeContext, from: IdentifiedObject, to: IdentifiedObject): void {
    const comment = model.attached("comment", from, "");
    if (comment !== undefined) model.attach("comment", to, "", comment.definition);
}
