import type { Node } from "libpg-query";
import type { IdentifiedObject } from "../catalog";
import { nameOf, type RangeVar } from "../identifiers";
import type { AlterCommand } from "./alter-command";
import { alterColumn, addColumnCommand, dropColumn } from "./alter-column";
import { alterTableItself } from "./alter-table";
import { addConstraintCommand, alterConstraint, dropConstraint, validateConstraint } from "./alter-constraint";
import type { Constraint } from "./constraint";
import type { JudgeContext } from "./context";
import { attachIndex, attachPartition, detachPartition } from "./partition";
import { alterComposite } from "./composite";
import { lockModes, weightOf, type LockMode } from "../locks";
import { relationKinds } from "./kinds";
import { as } from "../nodes";

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
    AT_DetachPartitionFinalize: "SHARE UPDATE EXCLUSIVE",
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

/** Sub-commands that concern the named table alone and lock no partition or child. Source: ATPrepCmd. */
const alone =
    /^AT_(?:AttachPartition|DetachPartition|DetachPartitionFinalize|(?:Enable|Disable|Force|NoForce)RowSecurity|(?:Enable|Disable)\w*Rule|ReplicaIdentity|ChangeOwner|(?:Set|Reset|Replace)RelOptions|Set(?:TableSpace|AccessMethod|Logged|UnLogged)|ClusterOn|DropCluster|AddInherit|DropInherit|AddOf|DropOf|GenericOptions)$/;

/** ALTER TABLE, and what the grammar treats alike: ALTER INDEX, VIEW, SEQUENCE, TYPE … ATTRIBUTE. */
export function alterTable(context: JudgeContext, body: Record<string, unknown>): void {
    const { model } = context;
    const range = body["relation"] as RangeVar;
    const commands = ((body["cmds"] ?? []) as Node[]).flatMap((n) => as<AlterCommand>(n, "AlterTableCmd") ?? []);
    if (body["objtype"] === "OBJECT_TYPE") return alterComposite(context, range, commands);
    const table = model.find(relationKinds, nameOf(range));
    if (table === undefined) {
        const constraint = body["objtype"] === "OBJECT_INDEX" ? model.findIndexConstraint(nameOf(range)) : undefined;
        if (constraint !== undefined) return alterConstraintIndex(context, constraint, commands);
        return context.missing("relation", nameOf(range), body["missing_ok"] === true);
    }
    // One lock for all: the strongest.
    const mode = strongest(commands);
    if (range.inh !== true || commands.every((c) => isAlone(c, model.facts.major))) context.lock(mode, table);
    else context.lockTree(mode, table);
    for (const command of inPasses(commands)) {
        const now = model.get(table.id);
        if (now !== undefined) apply(context, now, command, range.inh === true);
    }
}

function isAlone(command: AlterCommand, major: number): boolean {
    if (alone.test(command.subtype ?? "")) return true;
    // Since PostgreSQL 18 constraints of every kind go down the tree.
    if (major >= 18) return false;
    const constraint = command.subtype === "AT_AddConstraint" ? as<Constraint>(command.def, "Constraint") : undefined;
    return (
        constraint?.is_no_inherit === true || /^CONSTR_(?:PRIMARY|UNIQUE|EXCLUSION)$/.test(constraint?.contype ?? "")
    );
}

function strongest(commands: readonly AlterCommand[]): LockMode {
    return commands.map(lockOf).reduce((a, b) => (weightOf(a) >= weightOf(b) ? a : b), lockModes[0]);
}

function lockOf(command: AlterCommand): LockMode {
    const weaker = weakerLocks[command.subtype ?? ""];
    if (weaker !== undefined) return weaker;
    if (
        command.subtype === "AT_AddConstraint" &&
        as<Constraint>(command.def, "Constraint")?.contype === "CONSTR_FOREIGN"
    )
        return "SHARE ROW EXCLUSIVE";
    if (
        command.subtype === "AT_DetachPartition" &&
        as<{ concurrent?: boolean }>(command.def, "PartitionCmd")?.concurrent === true
    )
        return "SHARE UPDATE EXCLUSIVE";
    if (command.subtype === "AT_SetRelOptions" || command.subtype === "AT_ResetRelOptions") {
        const items = as<{ items?: Node[] }>(command.def, "List")?.items ?? [];
        const strong = items.some((n) => strongOptions.includes(as<{ defname?: string }>(n, "DefElem")?.defname ?? ""));
        return strong ? "ACCESS EXCLUSIVE" : "SHARE UPDATE EXCLUSIVE";
    }
    return "ACCESS EXCLUSIVE";
}

/** Drops come first, then types, then what is added; source: the passes of tablecmds.c. */
function inPasses(commands: readonly AlterCommand[]): AlterCommand[] {
    const passOf = ({ subtype = "" }: AlterCommand): number =>
        /^AT_Drop(?:Column|Constraint)$/.test(subtype)
            ? 0
            : /^AT_(?:AlterColumnType|SetExpression)$/.test(subtype)
              ? 1
              : subtype === "AT_AddColumn"
                ? 2
                : subtype === "AT_AddConstraint"
                  ? 4
                  : 3;
    return [...commands].sort((a, b) => passOf(a) - passOf(b));
}

function apply(context: JudgeContext, table: IdentifiedObject, command: AlterCommand, recurse: boolean): void {
    switch (command.subtype) {
        case "AT_AddColumn":
            return addColumnCommand(context, table, command, recurse);
        case "AT_DropColumn":
            return dropColumn(context, table, command, recurse);
        case "AT_AddConstraint":
            return addConstraintCommand(context, table, command);
        case "AT_DropConstraint":
            return dropConstraint(context, table, command);
        case "AT_AlterConstraint":
            return alterConstraint(context, table, command);
        case "AT_ValidateConstraint":
            return validateConstraint(context, table, command);
        case "AT_AttachPartition":
            return table.kind === "index"
                ? attachIndex(context, table, partitionOf(command))
                : attachPartition(context, table, partitionOf(command));
        case "AT_DetachPartition":
        case "AT_DetachPartitionFinalize":
            return detachPartition(context, table, partitionOf(command));
        case "AT_AlterColumnType":
        case "AT_AddIdentity":
        case "AT_DropIdentity":
        case "AT_SetIdentity":
        case "AT_DropNotNull":
        case "AT_SetNotNull":
        case "AT_ColumnDefault":
        case "AT_CookedColumnDefault":
        case "AT_SetStatistics":
        case "AT_SetStorage":
        case "AT_SetCompression":
        case "AT_SetOptions":
        case "AT_ResetOptions":
        case "AT_AlterColumnGenericOptions":
        case "AT_DropExpression":
        case "AT_SetExpression":
            return alterColumn(context, table, command, recurse);
        default:
            return alterTableItself(context, table, command);
    }
}

function partitionOf(command: AlterCommand): NonNullable<Parameters<typeof attachPartition>[2]> {
    return as<Parameters<typeof attachPartition>[2]>(command.def, "PartitionCmd") ?? {};
}

/** ALTER INDEX of an index that is a constraint's. */
function alterConstraintIndex(
    context: JudgeContext,
    constraint: IdentifiedObject,
    commands: readonly AlterCommand[],
): void {
    context.lockConstraintIndex(strongest(commands), constraint);
    for (const command of commands) {
        if (command.subtype === "AT_AttachPartition") attachIndex(context, constraint, partitionOf(command));
        else if (/^AT_(?:Set|Reset)RelOptions$/.test(command.subtype ?? ""))
            context.model.change(constraint, `${constraint.definition} (options changed)`);
    }
}
