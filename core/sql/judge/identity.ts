import type { Node } from "libpg-query";
import type { IdentifiedObject } from "../catalog";
import { parseColumn } from "../column-definition";
import { as } from "../nodes";
import type { AlterCommand } from "./alter-command";
import type { Constraint } from "./constraint";
import type { JudgeContext } from "./context";
import { drop } from "./drop";
import { identityText, ownedSequence } from "./table";

export function addIdentity(
    context: JudgeContext,
    table: IdentifiedObject,
    column: IdentifiedObject,
    constraint: Constraint,
): void {
    if (!parseColumn(column.definition).notNull) context.unsure(`${column.name} is not NOT NULL`);
    ownedSequence(context, table, column, constraint);
    context.setColumn(column, { identity: identityText(constraint) });
}

export function dropIdentity(context: JudgeContext, column: IdentifiedObject, command: AlterCommand): void {
    const { model } = context;
    if (parseColumn(column.definition).identity === undefined) {
        if (command.missing_ok !== true) context.unsure(`${column.name} is no identity column`);
        return;
    }
    const sequences = identitySequences(context, column);
    for (const sequence of sequences) model.dependencies.release(sequence.id, (d) => d.type !== "i");
    drop(context, sequences, false);
    context.setColumn(column, { identity: undefined });
}

function identitySequences({ model }: JudgeContext, column: IdentifiedObject): IdentifiedObject[] {
    return model.dependencies
        .on(column.id)
        .filter((d) => d.type === "i" && d.object.startsWith("pg_class/"))
        .flatMap((d) => model.get(`${d.object}/0`) ?? []);
}

export function setIdentity(context: JudgeContext, column: IdentifiedObject, options: readonly Node[]): void {
    if (parseColumn(column.definition).identity === undefined)
        return context.unsure(`${column.name} is no identity column`);
    const parsed = options.flatMap((n) => as<{ defname?: string; arg?: Node }>(n, "DefElem") ?? []);
    const generated = parsed.find((o) => o.defname === "generated");
    // Characters of ATTRIBUTE_IDENTITY_ALWAYS and …_BY_DEFAULT: a, d.
    const kind = as<{ ival?: number }>(generated?.arg, "Integer")?.ival === 100 ? "d" : "a";
    if (generated !== undefined) context.setColumn(column, { identity: identityText({ generated_when: kind }) });
    const others = parsed.filter((o) => o.defname !== "generated" && o.defname !== "restart");
    for (const sequence of identitySequences(context, column)) {
        if (parsed.length > (generated === undefined ? 0 : 1)) context.lock("SHARE ROW EXCLUSIVE", sequence);
        if (others.length > 0) context.model.change(sequence, `${sequence.definition} (options changed)`);
    }
}
