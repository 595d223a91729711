import type { IdentifiedObject } from "../catalog";
import { makeObjectName, unquote } from "../identifiers";
import { relationKinds } from "./kinds";
import type { Model } from "./model";

/** A free name for a constraint without one; source: ChooseConstraintName in pg_constraint.c. */
export function chooseConstraintName(model: Model, table: IdentifiedObject, columns: string, label: string): string {
    const schema = model.schemaName(table) ?? "public";
    return firstFree(table, columns, label, (name) => model.constraintsNamed(schema, name).length > 0);
}

/** A free name for an index or sequence without one; source: ChooseRelationName in indexcmds.c. */
export function chooseRelationName(model: Model, table: IdentifiedObject, columns: string, label: string): string {
    const schema = model.schemaName(table) ?? "public";
    return firstFree(
        table,
        columns,
        label,
        (name) =>
            model.find(relationKinds, { schema, name }) !== undefined ||
            model.findIndexConstraint({ schema, name }) !== undefined ||
            // Of an index that belongs to a constraint, the constraint's name must be free, too.
            (label !== "idx" && label !== "seq" && model.constraintsNamed(schema, name).length > 0),
    );
}

function firstFree(table: IdentifiedObject, columns: string, label: string, taken: (name: string) => boolean): string {
    const base = unquote(table.localName);
    for (let n = 0; ; n++) {
        const name = makeObjectName(base, columns, n === 0 ? label : `${label}${n}`);
        if (!taken(name)) return name;
    }
}
