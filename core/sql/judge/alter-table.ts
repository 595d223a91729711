import type { Node } from "libpg-query";
import type { IdentifiedObject } from "../catalog";
import { quoteIdentifier, unquote, writtenName, type RangeVar, type TypeName } from "../identifiers";
import type { AlterCommand } from "./alter-command";
import type { JudgeContext } from "./context";
import { optionChanges } from "./options";
import { changeOwner } from "./owner";
import { qualified } from "./table";
import { as, strings } from "../nodes";
import { hasPiece, pieceOf, withOptions, withPiece } from "./table-definition";

/** Sub-commands of ALTER TABLE that concern the table as a whole, its triggers and its rules. */
export function alterTableItself(context: JudgeContext, table: IdentifiedObject, command: AlterCommand): void {
    const { model } = context;
    const set = (definition: string): void => {
        model.change(table, definition);
    };
    switch (command.subtype) {
        case "AT_ChangeOwner":
            return changeOwner(context, table, command.newowner);
        case "AT_SetRelOptions":
        case "AT_ResetRelOptions":
        case "AT_ReplaceRelOptions":
            return setOptions(context, table, command);
        case "AT_EnableRowSecurity":
            return set(withPiece(table.definition, "rowSecurity", "ROW SECURITY"));
        case "AT_DisableRowSecurity":
            return set(withPiece(table.definition, "rowSecurity", undefined));
        case "AT_ForceRowSecurity":
            return set(withPiece(table.definition, "forced", "FORCED"));
        case "AT_NoForceRowSecurity":
            return set(withPiece(table.definition, "forced", undefined));
        case "AT_ReplicaIdentity":
            return replicaIdentity(context, table, command);
        case "AT_ClusterOn":
        case "AT_DropCluster":
            return clusterOn(context, table, command.name);
        case "AT_SetLogged":
        case "AT_SetUnLogged":
            return setPersistence(context, table, command.subtype === "AT_SetUnLogged");
        case "AT_SetAccessMethod": {
            const wanted = command.name === undefined || command.name === "heap" ? undefined : `USING ${command.name}`;
            if (pieceOf(table.definition, "accessMethod") !== wanted) context.rewrite(table);
            return set(withPiece(table.definition, "accessMethod", wanted));
        }
        case "AT_SetTableSpace": {
            const wanted = `TABLESPACE ${quoteIdentifier(command.name ?? "")}`;
            if (pieceOf(table.definition, "tablespace") !== wanted && table.storage !== null) context.rewrite(table);
            return set(
                table.kind === "index"
                    ? `${table.definition} ${wanted}`
                    : withPiece(table.definition, "tablespace", wanted),
            );
        }
        case "AT_AddInherit":
            return addInherit(context, table, command);
        case "AT_DropInherit":
            return dropInherit(context, table, command);
        case "AT_AddOf": {
            const type = context.lookUp(
                ["type"],
                writtenName(strings(as<TypeName>(command.def, "TypeName")?.names)),
                false,
            );
            if (type === undefined) return;
            model.dependencies.add(table.id, type.id, "n");
            return set(withPiece(table.definition, "type", `OF ${qualified(context, type)}`));
        }
        case "AT_DropOf":
            model.dependencies.release(table.id, (d) => !d.on.startsWith("pg_type/"));
            return set(withPiece(table.definition, "type", undefined));
        case "AT_GenericOptions":
            return set(`${table.definition} (options changed)`);
        default:
            return enable(context, table, command);
    }
}

function setOptions(context: JudgeContext, table: IdentifiedObject, command: AlterCommand): void {
    const reset = command.subtype === "AT_ResetRelOptions";
    const options = as<{ items?: Node[] }>(command.def, "List")?.items ?? [];
    const isToast = (n: Node): boolean => as<{ defnamespace?: string }>(n, "DefElem")?.defnamespace === "toast";
    const own = options.filter((n) => !isToast(n));
    const definition = withOptions(table.definition, false, optionChanges(own, reset));
    // The text of a view or an index has parentheses of its own.
    const plain = /^(?:table|partition)$/.test(table.kind);
    context.model.change(
        table,
        plain
            ? withOptions(definition, true, optionChanges(options.filter(isToast), reset))
            : `${table.definition} (options changed)`,
    );
}

function replicaIdentity(context: JudgeContext, table: IdentifiedObject, command: AlterCommand): void {
    const { model } = context;
    const { identity_type: kind = "d", name } =
        as<{ identity_type?: string; name?: string }>(command.def, "ReplicaIdentityStmt") ?? {};
    const word = { n: "NOTHING", f: "FULL", i: "INDEX" }[kind];
    model.change(
        table,
        withPiece(table.definition, "replicaIdentity", word === undefined ? undefined : `REPLICA IDENTITY ${word}`),
    );
    for (const index of model.parts(table).filter((p) => p.kind === "index")) {
        const without = index.definition.replace(/ REPLICA IDENTITY$/, "");
        model.change(
            index,
            kind === "i" && unquote(index.localName) === name ? `${without} REPLICA IDENTITY` : without,
        );
    }
}

/** Marks the index that CLUSTER goes by. */
export function clusterOn({ model }: JudgeContext, table: IdentifiedObject, name: string | undefined): void {
    for (const index of model.parts(table).filter((p) => p.kind === "index")) {
        const identity = index.definition.endsWith(" REPLICA IDENTITY") ? " REPLICA IDENTITY" : "";
        const without = index.definition
            .replace(/ CLUSTERED(?= REPLICA IDENTITY$|$)/, "")
            .replace(/ REPLICA IDENTITY$/, "");
        model.change(index, without + (unquote(index.localName) === name ? " CLUSTERED" : "") + identity);
    }
}

/** LOGGED and UNLOGGED: a rewrite, and since PostgreSQL 15 of the columns' sequences, too. */
function setPersistence(context: JudgeContext, table: IdentifiedObject, unlogged: boolean): void {
    const { model } = context;
    if (hasPiece(table.definition, "unlogged") === unlogged) return;
    if (table.kind === "sequence") {
        model.change(table, unlogged ? `${table.definition} UNLOGGED` : table.definition.replace(/ UNLOGGED\b/, ""));
        return;
    }
    if (unlogged && isPublished(context, table)) context.unsure(`${table.name} is published and cannot be unlogged`);
    context.rewrite(table);
    model.change(table, withPiece(table.definition, "unlogged", unlogged ? "UNLOGGED" : undefined));
    if (model.facts.major >= 15)
        for (const part of model.parts(table))
            if (part.kind === "sequence") {
                context.lock("ACCESS EXCLUSIVE", part);
                model.change(part, `${part.definition} (persistence changed)`);
            }
}

function isPublished({ model }: JudgeContext, table: IdentifiedObject): boolean {
    return (
        model.dependencies.on(table.id).some((d) => d.object.startsWith("pg_publication_rel/")) ||
        model.all("publication").some(({ definition }) => definition.startsWith("ALL TABLES"))
    );
}

/** INHERIT: the child's columns and constraints stay its own, and are the parent's as well. */
function addInherit(context: JudgeContext, table: IdentifiedObject, command: AlterCommand): void {
    const { model } = context;
    const parent = context.table(as<RangeVar>(command.def, "RangeVar"));
    if (parent === undefined) return;
    model.dependencies.add(table.id, parent.id, "n");
    setParents(context, table);
}

function dropInherit(context: JudgeContext, table: IdentifiedObject, command: AlterCommand): void {
    const { model } = context;
    const parent = context.table(as<RangeVar>(command.def, "RangeVar"));
    if (parent === undefined) return;
    model.dependencies.release(table.id, (d) => `${d.on}/0` !== parent.id);
    for (const part of model.parts(table)) if (part.inherited) model.replace({ ...part, inherited: false });
    setParents(context, table);
}

function setParents(context: JudgeContext, table: IdentifiedObject): void {
    const parents = context.model
        .parents(table)
        .map((p) => qualified(context, p))
        .join(", ");
    context.model.change(
        table,
        withPiece(table.definition, "inherits", parents === "" ? undefined : `INHERITS (${parents})`),
    );
}

const triggerStates: Readonly<Record<string, string>> = {
    AT_EnableTrig: "",
    AT_EnableTrigAll: "",
    AT_EnableTrigUser: "",
    AT_DisableTrig: " DISABLED",
    AT_DisableTrigAll: " DISABLED",
    AT_DisableTrigUser: " DISABLED",
    AT_EnableReplicaTrig: " REPLICA",
    AT_EnableAlwaysTrig: " ALWAYS",
};

const ruleStates: Readonly<Record<string, string>> = {
    AT_EnableRule: "",
    AT_DisableRule: " ENABLED D",
    AT_EnableReplicaRule: " ENABLED R",
    AT_EnableAlwaysRule: " ENABLED A",
};

/** ENABLE and DISABLE of triggers and rules. */
function enable(context: JudgeContext, table: IdentifiedObject, command: AlterCommand): void {
    const { model } = context;
    const subtype = command.subtype ?? "";
    const trigger = triggerStates[subtype];
    const rule = ruleStates[subtype];
    if (trigger === undefined && rule === undefined) {
        context.unsure(`ALTER TABLE … ${subtype.replace("AT_", "")} is not judged`);
        return;
    }
    for (const each of [table, ...model.children(table)])
        for (const part of model.parts(each)) {
            if (command.name !== undefined && unquote(part.localName) !== command.name) continue;
            if (part.kind === "trigger" && trigger !== undefined)
                model.change(part, part.definition.replace(/ (?:DISABLED|REPLICA|ALWAYS)$/, "") + trigger);
            if (part.kind === "rule" && rule !== undefined)
                model.change(part, part.definition.replace(/ ENABLED .$/, "") + rule);
        }
}
