import type { Node } from "libpg-query";
import type { IdentifiedObject } from "./catalog";
import { isSerial, nameOf, typeText, unquote, writtenName, type RangeVar, type TypeName } from "./identifiers";
import type { JudgeContext } from "./judge-context";
import { addColumn, addConstraint, attach, ownedSequence, type ColumnDef, type Constraint } from "./judge-create";
import { lockModes, weightOf, type LockMode } from "./locks";
import { relationKinds, typeKinds } from "./model";
import { as, strings } from "./nodes";
import { changesStorage } from "./type-change";

interface Command {
    readonly subtype?: string;
    readonly name?: string;
    readonly def?: Node;
    readonly behavior?: string;
    readonly missing_ok?: boolean;
}

/**
 * Lock levels of ALTER TABLE's sub-commands that are not ACCESS EXCLUSIVE. Source: AlterTableGetLockLevel in PostgreSQL's
 * src/backend/commands/tablecmds.c (the same from 14 to 18), and the manual's page on ALTER TABLE.
 */
const weakerLocks: Readonly<Record<string, LockMode>> = {
    AT_SetStatistics: "SHARE UPDATE EXCLUSIVE",
    AT_ClusterOn: "SHARE UPDATE EXCLUSIVE",
    AT_DropCluster: "SHARE UPDATE EXCLUSIVE",
    AT_SetOptions: "SHARE UPDATE EXCLUSIVE",
    AT_ResetOptions: "SHARE UPDATE EXCLUSIVE",
    AT_ValidateConstraint: "SHARE UPDATE EXCLUSIVE",
    AT_AttachPartition: "SHARE UPDATE EXCLUSIVE",
    AT_EnableTrig: "SHARE ROW EXCLUSIVE",
    AT_EnableAlwaysTrig: "SHARE ROW EXCLUSIVE",
    AT_EnableReplicaTrig: "SHARE ROW EXCLUSIVE",
    AT_EnableTrigAll: "SHARE ROW EXCLUSIVE",
    AT_EnableTrigUser: "SHARE ROW EXCLUSIVE",
    AT_DisableTrig: "SHARE ROW EXCLUSIVE",
    AT_DisableTrigAll: "SHARE ROW EXCLUSIVE",
    AT_DisableTrigUser: "SHARE ROW EXCLUSIVE",
};

/** Storage parameters that need more than SHARE UPDATE EXCLUSIVE; source: reloptions.c. */
const strongOptions = [
    "user_catalog_table",
    "security_barrier",
    "security_invoker",
    "check_option",
    "fastupdate",
    "buffering",
];

/** ALTER TABLE, and what the grammar treats alike: ALTER INDEX, VIEW, SEQUENCE, TYPE … ATTRIBUTE. */
export function alterTable(context: JudgeContext, body: Record<string, unknown>, line: number): void {
    const { model } = context;
    const range = body["relation"] as RangeVar;
    if (body["objtype"] === "OBJECT_TYPE") {
        const type = model.find(typeKinds, nameOf(range));
        if (type !== undefined) model.change(type, `${type.definition} (altered)`);
        return;
    }
    const table = model.find(relationKinds, nameOf(range));
    if (table === undefined) {
        if (body["missing_ok"] !== true)
            context.opaque.push({ line, why: `relation ${nameOf(range).name} is not known` });
        return;
    }
    const commands = ((body["cmds"] ?? []) as Node[]).flatMap((n) => as<Command>(n, "AlterTableCmd") ?? []);
    // One lock for all: the strongest.
    const mode = commands.map(lockOf).reduce((a, b) => (weightOf(a) >= weightOf(b) ? a : b), lockModes[0]);
    const alone = commands.every((c) => /^AT_(?:Attach|Detach)Partition/.test(c.subtype ?? "")) || range.inh !== true;
    if (alone) context.lock(mode, table);
    else context.lockTree(mode, table);
    for (const command of commands) apply(context, table, command, line);
}

function lockOf(command: Command): LockMode {
    const weaker = weakerLocks[command.subtype ?? ""];
    if (weaker !== undefined) return weaker;
    if (
        command.subtype === "AT_AddConstraint" &&
        as<Constraint>(command.def, "Constraint")?.contype === "CONSTR_FOREIGN"
    )
        return "SHARE ROW EXCLUSIVE";
    if (command.subtype === "AT_SetRelOptions" || command.subtype === "AT_ResetRelOptions") {
        const items = as<{ items?: Node[] }>(command.def, "List")?.items ?? [];
        const strong = items.some((n) => strongOptions.includes(as<{ defname?: string }>(n, "DefElem")?.defname ?? ""));
        return strong ? "ACCESS EXCLUSIVE" : "SHARE UPDATE EXCLUSIVE";
    }
    return "ACCESS EXCLUSIVE";
}

function apply(context: JudgeContext, table: IdentifiedObject, command: Command, line: number): void {
    const { model } = context;
    const cascade = command.behavior === "DROP_CASCADE";
    const column = command.name === undefined ? undefined : model.part("column", table, command.name);
    const note = (object: IdentifiedObject | undefined, what: string): void => {
        if (object !== undefined)
            model.change(model.get(object.id) ?? object, `${(model.get(object.id) ?? object).definition} ${what}`);
    };
    switch (command.subtype) {
        case "AT_AddColumn": {
            const def = as<ColumnDef>(command.def, "ColumnDef");
            if (
                def === undefined ||
                (model.part("column", table, def.colname ?? "") !== undefined && command.missing_ok === true)
            )
                return;
            const made = addColumn(context, table, def);
            for (const child of model.children(table))
                model.addPart("column", child, unquote(made.localName), made.definition, true);
            if (fillsRows(context, def)) context.rewrite(table);
            return;
        }
        case "AT_DropColumn":
            if (column !== undefined) context.drop([column], cascade);
            return;
        case "AT_DropConstraint": {
            const constraint = model.part("constraint", table, command.name ?? "");
            if (constraint === undefined) return;
            const mirrored = model
                .children(table)
                .flatMap((child) => model.part("constraint", child, command.name ?? "") ?? []);
            context.drop([constraint, ...mirrored.filter((m) => m.inherited)], cascade);
            return;
        }
        case "AT_AddConstraint": {
            const constraint = as<Constraint>(command.def, "Constraint");
            if (constraint?.contype === "CONSTR_NOTNULL")
                return note(model.part("column", table, strings(constraint.keys)[0] ?? ""), "NOT NULL");
            if (constraint === undefined) return;
            if (constraint.indexname !== undefined) {
                const index = model.find(["index"], { ...nameOf({}), name: constraint.indexname });
                // The constraint stands for its index from now on.
                if (index !== undefined) model.forget(index);
            }
            addConstraint(context, table, constraint);
            return;
        }
        case "AT_AlterColumnType": {
            const def = as<ColumnDef & { raw_default?: Node }>(command.def, "ColumnDef");
            if (column === undefined || def === undefined) return;
            const to = typeText(def.typeName, true);
            const domain = model.find(["domain"], writtenName(strings(def.typeName?.names)));
            if (changesStorage(column.definition, to, def.raw_default, unquote(column.localName), domain))
                context.rewrite(table);
            for (const each of [table, ...model.children(table)]) {
                const part = model.part("column", each, unquote(column.localName));
                if (part !== undefined) model.change(part, to);
            }
            lockForeignKeys(context, column);
            return;
        }
        case "AT_AddIdentity":
            if (column !== undefined) ownedSequence(context, table, column, command.name ?? "");
            return note(column, "GENERATED AS IDENTITY");
        case "AT_DropIdentity": {
            const sequence = model
                .parts(table)
                .find(
                    (p) =>
                        p.kind === "sequence" &&
                        unquote(p.localName) === `${unquote(table.localName)}_${command.name ?? ""}_seq`,
                );
            if (sequence !== undefined) context.drop([sequence], false);
            return note(column, "(no identity)");
        }
        case "AT_SetExpression":
        case "AT_SetLogged":
        case "AT_SetUnLogged":
        case "AT_SetAccessMethod":
        case "AT_SetTableSpace":
            context.rewrite(table);
            return note(column ?? table, command.subtype);
        case "AT_AttachPartition":
        case "AT_DetachPartition":
            return partition(context, table, command);
        case "AT_AddInherit":
        case "AT_DropInherit":
            context.opaque.push({ line, why: "INHERIT is not judged" });
            return;
        case "AT_DropNotNull":
        case "AT_SetNotNull":
        case "AT_ColumnDefault":
        case "AT_SetStatistics":
        case "AT_SetStorage":
        case "AT_SetCompression":
        case "AT_SetOptions":
        case "AT_ResetOptions":
        case "AT_SetIdentity":
        case "AT_DropExpression":
            return note(column, command.subtype);
        case "AT_ValidateConstraint": {
            const constraint = model.part("constraint", table, command.name ?? "");
            if (constraint !== undefined) model.change(constraint, constraint.definition.replace(/ NOT VALID$/, ""));
            return;
        }
        case "AT_ChangeOwner":
            return;
        default:
            return note(table, command.subtype ?? "");
    }
}

/** Changing a column that a foreign key uses makes the key anew, which locks the other table. */
function lockForeignKeys(context: JudgeContext, column: IdentifiedObject): void {
    for (const constraint of context.model.dependentsOf(column)) {
        if (constraint.kind !== "constraint") continue;
        context.lock("ACCESS EXCLUSIVE", context.model.otherEnd(constraint));
        context.lock("ACCESS EXCLUSIVE", context.owner(constraint));
    }
}

/**
 * Whether ADD COLUMN must write every row: a volatile default, an identity, a stored generated column, a domain with constraints.
 * Source: the notes of the manual's page on ALTER TABLE; ATExecAddColumn.
 */
function fillsRows(context: JudgeContext, def: ColumnDef): boolean {
    if (isSerial(def.typeName)) return true;
    const domain = context.model.find(["domain"], writtenName(strings((def.typeName as TypeName | undefined)?.names)));
    if (domain !== undefined && / CONSTRAINT | NOT NULL|\bCHECK\b/i.test(domain.definition)) return true;
    return (def.constraints ?? []).some((n) => {
        const constraint = as<Constraint>(n, "Constraint");
        if (constraint?.contype === "CONSTR_IDENTITY") return true;
        if (constraint?.contype === "CONSTR_GENERATED") return constraint.generated_kind !== "v";
        return constraint?.contype === "CONSTR_DEFAULT" && context.isVolatile(constraint.raw_expr);
    });
}

function partition(context: JudgeContext, table: IdentifiedObject, command: Command): void {
    const { model } = context;
    const def = as<{ name?: RangeVar; concurrent?: boolean }>(command.def, "PartitionCmd");
    const part = context.relation(def?.name);
    if (part === undefined) return;
    if (part.kind === "index") return;
    if (command.subtype === "AT_AttachPartition") {
        attach(context, table, part);
        model.replace({
            ...part,
            kind: "partition",
            of: table.name,
            ofId: table.id,
            definition: `PARTITION OF ${table.name}`,
        });
        model.depend(part.id, table.id.slice(0, -2), "0", "a");
        return;
    }
    context.lock("ACCESS EXCLUSIVE", part);
    for (const other of model.parts(table)) {
        if (other.kind === "partition" && / DEFAULT$/.test(other.definition))
            context.lockTree("ACCESS EXCLUSIVE", other);
        if (other.kind === "constraint") context.lock("SHARE ROW EXCLUSIVE", model.otherEnd(other));
    }
    const { of: _of, ofId: _ofId, ...free } = part;
    model.independ(part.id, table.id.slice(0, -2));
    model.replace({ ...free, kind: "table", definition: "" });
}
