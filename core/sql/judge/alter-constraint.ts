import type { IdentifiedObject } from "../catalog";
import { withParts } from "../column-definition";
import { quoteIdentifier, unquote } from "../identifiers";
import type { AlterCommand } from "./alter-command";
import { addConstraint, type Constraint } from "./constraint";
import type { JudgeContext } from "./context";
import { drop } from "./drop";
import { as, strings } from "../nodes";

/** ADD CONSTRAINT. */
export function addConstraintCommand(context: JudgeContext, table: IdentifiedObject, command: AlterCommand): void {
    const { model } = context;
    const constraint = as<Constraint>(command.def, "Constraint");
    if (constraint === undefined) return;
    if (constraint.contype === "CONSTR_NOTNULL") {
        const name = strings(constraint.keys)[0] ?? "";
        for (const each of [table, ...model.children(table)]) {
            const column = model.part("column", each, name);
            if (column === undefined) context.unsure(`column ${each.name}.${quoteIdentifier(name)} is not known`);
            else if (!column.definition.includes("NOT NULL") || constraint.skip_validation !== true)
                model.change(column, withParts(column.definition, { notNull: true }));
        }
        return;
    }
    addConstraint(context, table, constraint);
    if (constraint.indexname !== undefined) {
        const index = model
            .parts(table)
            .find((p) => p.kind === "index" && unquote(p.localName) === constraint.indexname);
        // The constraint stands for its index from now on.
        if (index === undefined) context.unsure(`index ${quoteIdentifier(constraint.indexname)} is not known`);
        else {
            context.lock("ACCESS EXCLUSIVE", index);
            const made = model.part("constraint", table, constraint.conname ?? constraint.indexname);
            // Foreign keys may need the index by itself.
            if (made !== undefined)
                for (const d of model.dependencies.on(index.id))
                    model.dependencies.add(`${d.object}/${d.subid}`, made.id, d.type);
            model.remove(index);
        }
    }
}

function find(
    context: JudgeContext,
    table: IdentifiedObject,
    name: string,
    missingOk: boolean,
): IdentifiedObject | undefined {
    const constraint = context.model.part("constraint", table, name);
    if (constraint === undefined && !missingOk)
        context.unsure(`constraint ${table.name}.${quoteIdentifier(name)} is not known`);
    return constraint;
}

/** DROP CONSTRAINT. */
export function dropConstraint(context: JudgeContext, table: IdentifiedObject, command: AlterCommand): void {
    const name = command.name ?? "";
    if (context.model.part("constraint", table, name) === undefined && dropNotNull(context, table, name)) return;
    const constraint = find(context, table, name, command.missing_ok === true);
    if (constraint === undefined) return;
    if (constraint.inherited)
        return context.unsure(`constraint ${constraint.name} is inherited and cannot be dropped by itself`);
    drop(context, [constraint], command.behavior === "DROP_CASCADE");
}

/** Since PostgreSQL 18 NOT NULL is a constraint with a name; the catalog lists it with the column. */
function dropNotNull(context: JudgeContext, table: IdentifiedObject, name: string): boolean {
    const { model } = context;
    if (model.facts.major < 18) return false;
    const column = model
        .columns(table)
        .find((c) => `${unquote(table.localName)}_${unquote(c.localName)}_not_null` === name);
    if (column === undefined) return false;
    for (const each of [table, ...model.children(table)]) {
        const same = model.part("column", each, unquote(column.localName));
        if (same !== undefined) model.change(same, withParts(same.definition, { notNull: false }));
    }
    return true;
}

/** ALTER CONSTRAINT: deferrable, enforced, inherited or not. */
export function alterConstraint(context: JudgeContext, table: IdentifiedObject, command: AlterCommand): void {
    const { conname = "" } = as<{ conname?: string }>(command.def, "ATAlterConstraint") ?? {};
    const constraint = find(context, table, conname, false);
    if (constraint === undefined) return;
    context.model.change(constraint, `${constraint.definition} (altered)`);
}

/** VALIDATE CONSTRAINT. */
export function validateConstraint(context: JudgeContext, table: IdentifiedObject, command: AlterCommand): void {
    const { model } = context;
    const constraint = find(context, table, command.name ?? "", false);
    if (constraint === undefined) return;
    for (const each of [table, ...model.children(table)]) {
        const same = model.part("constraint", each, unquote(constraint.localName));
        if (same !== undefined) model.change(same, same.definition.replace(/ NOT VALID$/, ""));
    }
}
