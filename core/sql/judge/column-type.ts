import type { IdentifiedObject } from "../catalog";
import { parseColumn } from "../column-definition";
import { unquote, writtenName } from "../identifiers";
import { strings } from "../nodes";
import type { JudgeContext } from "./context";
import type { ColumnDef } from "./table";
import { changesStorage, isPlainUsing } from "./type-change";

export function alterType(
    context: JudgeContext,
    table: IdentifiedObject,
    columns: readonly IdentifiedObject[],
    def: ColumnDef,
): void {
    const { model } = context;
    const to = context.typeText(def.typeName);
    context.checkType(def.typeName);
    const domain = model.find(["domain"], writtenName(strings(def.typeName?.names)));
    const collation = context.collationText(def.collClause);
    for (const column of columns) {
        const from = parseColumn(column.definition).type;
        const plain = isPlainUsing(def.raw_default, unquote(column.localName), to, context.resolveType);
        const same = from === to;
        if (
            !plain ||
            (!same && isConstrained(context, domain)) ||
            changesStorage(baseType(context, from), baseType(context, to))
        )
            context.rewrite(column === columns[0] ? table : (context.owner(column) ?? table));
        retype(context, column, to, def, collation);
        checkDependents(context, column);
    }
}

export function isConstrained(context: JudgeContext, domain: IdentifiedObject | undefined): boolean {
    if (domain === undefined) return false;
    return (
        / CONSTRAINT | NOT NULL|\bCHECK\b/i.test(domain.definition) ||
        isConstrained(context, domainOf(context, domain.definition))
    );
}

/** The domain whose name stands at the head of a definition, if it is one. */
function domainOf(context: JudgeContext, definition: string): IdentifiedObject | undefined {
    const { type } = parseColumn(definition);
    const parts = [...type.matchAll(/"(?:[^"]|"")*"|[^."]+/g)].map(([part]) => unquote(part));
    return parts.length === 2 ? context.model.find(["domain"], writtenName(parts)) : undefined;
}

/** What a type is stored as: of a domain its base type. */
function baseType(context: JudgeContext, type: string): string {
    const domain = domainOf(context, type);
    return domain === undefined ? type : baseType(context, parseColumn(domain.definition).type);
}

function retype(
    context: JudgeContext,
    column: IdentifiedObject,
    to: string,
    def: ColumnDef,
    collation: string | undefined,
): void {
    const { model } = context;
    model.dependencies.release(column.id, (d) => d.on.startsWith("pg_class/"));
    context.needs(column, [def.typeName, def.collClause]);
    const { rest } = parseColumn(column.definition);
    context.setColumn(column, {
        type: to,
        collation,
        // Storage and compression start anew with the type.
        rest: rest.replace(/ (?:STORAGE|COMPRESSION) \S+/g, ""),
    });
    for (const part of model.dependentsOf(column))
        if (part.kind === "sequence" && column.definition.includes(" AS IDENTITY")) {
            context.lock("ACCESS EXCLUSIVE", part);
            model.change(part, `${part.definition} (type changed)`);
        }
}

/** Changing a column that a foreign key uses makes the key anew, which locks the other table; what else needs it may forbid it. */
function checkDependents(context: JudgeContext, column: IdentifiedObject): void {
    const { model } = context;
    for (const part of model.dependentsOf(column)) {
        if (part.kind === "constraint" && part.definition.startsWith("FOREIGN")) {
            context.lock("ACCESS EXCLUSIVE", model.otherEnd(part));
            context.lock("ACCESS EXCLUSIVE", context.owner(part));
        }
        if (part.kind === "trigger" || part.kind === "policy" || part.kind === "rule")
            context.unsure(
                `${part.kind} ${part.name} needs ${column.name}, whose type PostgreSQL then does not change`,
            );
    }
    for (const d of model.dependencies.on(column.id)) {
        if (d.object.startsWith("pg_rewrite/") && model.get(`${d.object}/0`) === undefined)
            context.unsure(`a view needs ${column.name}, whose type PostgreSQL then does not change`);
        const generated = d.object.startsWith("pg_attrdef/")
            ? model.dependencies.of(`${d.object}/0`).find((o) => o.type === "i" && `${o.on}/${o.onSubid}` !== column.id)
            : undefined;
        if (generated !== undefined)
            context.unsure(`a generated column needs ${column.name}, whose type PostgreSQL then does not change`);
    }
}
