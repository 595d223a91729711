import type { Node } from "libpg-query";
import type { RangeVar } from "../sql/identifiers";
import { as, nodeType, strings, walk } from "../sql/nodes";
import { rowChangesOf } from "../sql/row-changes";
import type { Statement } from "../sql/statement";

/** Functions that say the same whatever the plan did before. */
const steady =
    /^(?:now|lower|upper|coalesce|length|date_trunc|date_part|extract|btrim|trim|left|right|substr|substring|like_escape|similar_to_escape|any|all)$/;

/** Functions besides, by which neither rows nor what names mean becomes other. */
const idle =
    /^(?:count|sum|min|max|avg|array_agg|string_agg|concat|format|to_char|to_date|to_timestamp|generate_series|gen_random_uuid|version|current_setting|pg_sleep|pg_advisory_(?:xact_)?lock|pg_advisory_unlock|to_regclass)$/;

/** Operators that all of the server's own types have; others may be of somebody's making. */
const plainOperator = /^(?:[=<>+*/%-]|<>|!=|<=|>=|\|\||!?~~?\*?|@>|<@|&&|->>?|#>>?|(?:NOT )?BETWEEN(?: SYMMETRIC)?)$/;

/** Settings by which a condition takes no other rows. */
const idleSetting =
    /^(?:lock_timeout|statement_timeout|idle_in_transaction_session_timeout|idle_session_timeout|transaction_timeout|deadlock_timeout|client_min_messages|client_encoding|application_name|check_function_bodies|row_security|standard_conforming_strings|xmloption|work_mem|maintenance_work_mem|temp_buffers|default_tablespace|default_table_access_method|temp_tablespaces|synchronous_commit|session_replication_role|max_parallel_\w+|parallel_\w+|enable_\w+|log_\w+|jit|transaction|session characteristics)$/i;

/** Statements by which names in conditions mean what they meant; the rows that some of them change are kept apart. */
const plain = new Set([
    ...["InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt", "TruncateStmt", "CopyStmt", "SelectStmt", "ExplainStmt"],
    ...["TransactionStmt", "CommentStmt", "GrantStmt", "GrantRoleStmt", "AlterDefaultPrivilegesStmt", "IndexStmt"],
    ...["LockStmt", "VacuumStmt", "ConstraintsSetStmt", "VariableShowStmt", "VariableSetStmt", "NotifyStmt"],
]);

const plainCommands = new Set([
    ...["AT_AddColumn", "AT_AlterColumnType", "AT_ColumnDefault", "AT_SetNotNull", "AT_DropNotNull"],
    ...["AT_AddConstraint", "AT_DropConstraint", "AT_ValidateConstraint", "AT_ClusterOn", "AT_SetStatistics"],
    ...["AT_EnableTrig", "AT_DisableTrig", "AT_EnableTrigAll", "AT_DisableTrigAll", "AT_ReplicaIdentity"],
]);

/** Objects by which the simplest condition may mean something else: an operator, a cast, a value's name. */
const deep = /^OBJECT_(?:OPERATOR|OPCLASS|OPFAMILY|CAST|COLLATION|ATTRIBUTE|TYPE|DOMAIN)$/;

/** Relations whose rows a statement may change, columns and partitions included. */
export function changedRelations({ node }: Statement): RangeVar[] {
    const type = nodeType(node);
    const body = as<{ relation?: RangeVar; is_from?: boolean; cmds?: Node[]; renameType?: string }>(node, type);
    const own =
        (type === "CopyStmt" && body?.is_from === true) ||
        (type === "RenameStmt" && body?.renameType === "OBJECT_COLUMN") ||
        (type === "AlterTableStmt" && (body?.cmds ?? []).some(changesRows));
    return [
        ...rowChangesOf(node).map(({ range }) => range),
        ...(own && body?.relation !== undefined ? [body.relation] : []),
    ];
}

function changesRows(item: Node): boolean {
    const subtype = as<{ subtype?: string }>(item, "AlterTableCmd")?.subtype ?? "";
    return ["AT_AlterColumnType", "AT_AddColumn", "AT_AttachPartition", "AT_DetachPartition"].includes(subtype);
}

/** What earlier statements of a plan may have made of the rows: whether a condition still holds of those of which it holds now. */
export class EarlierRows {
    private readonly relations = new Set<string>();
    /** Something that cannot be told. */
    private everything = false;
    /** Names may mean something else than now: of tables, functions, settings. */
    private meanings = false;
    private views = false;

    /** Whether nothing that a condition or a view could see has become other. */
    get areUntouched(): boolean {
        return !this.everything && !this.meanings && this.relations.size === 0;
    }

    /** Whether a view that exists may select from other tables than now. */
    get mayHaveRemadeViews(): boolean {
        return this.views;
    }

    /** Whether the rows that a statement's condition takes are those that it would take now. @param relation as RelationFacts name it */
    areAsNow(statement: Statement, relation: string): boolean {
        if (this.everything || this.relations.has(relation) || isByChance(statement)) return false;
        return this.areUntouched || !looksElsewhere(statement);
    }

    /** @param relations what it may have changed, and what keys lead to from there */
    add({ node }: Statement, relations: readonly string[], opaque: boolean): void {
        const type = nodeType(node);
        for (const relation of relations) this.relations.add(relation);
        const runsCode = opaque || ["DoStmt", "CallStmt", "ExecuteStmt"].includes(type);
        this.everything ||= runsCode || reachesDeep(node);
        this.views ||= runsCode || as<{ replace?: boolean }>(node, "ViewStmt")?.replace === true;
        this.meanings ||= !keepsMeanings(node);
        if (type === "VariableSetStmt") this.set(as<{ name?: string }>(node, type)?.name);
        walk(node, (t, body) => {
            if (t === "FuncCall") this.call(body);
        });
    }

    /** @param setting undefined: all of them are as at the session's begin */
    private set(setting = "search_path"): void {
        if (/^search_path$/i.test(setting)) this.meanings = true;
        else if (!idleSetting.test(setting)) this.everything = true;
    }

    private call(call: Readonly<Record<string, unknown>>): void {
        const name = calledBy(call);
        if (name === "set_config") {
            const [setting] = (call["args"] ?? []) as Node[];
            this.set(as<{ sval?: { sval?: string } }>(setting, "A_Const")?.sval?.sval ?? "unknown");
        } else if (!steady.test(name) && !idle.test(name)) this.meanings = true;
    }
}

function keepsMeanings(node: Node): boolean {
    const type = nodeType(node);
    if (type === "AlterTableStmt")
        return (as<{ cmds?: Node[] }>(node, type)?.cmds ?? []).every((item) =>
            plainCommands.has(as<{ subtype?: string }>(item, "AlterTableCmd")?.subtype ?? ""),
        );
    // A table that exists by SELECT … INTO may hide another.
    return plain.has(type) && as<{ intoClause?: unknown }>(node, "SelectStmt")?.intoClause === undefined;
}

/** Whether even a condition of nothing but columns and constants may take other rows after a statement. */
function reachesDeep(node: Node): boolean {
    const type = nodeType(node);
    const body = as<Record<string, unknown>>(node, type) ?? {};
    // A value that is added to an enum no row has yet.
    if (type === "AlterEnumStmt") return body["oldVal"] !== undefined;
    if (["CreateCastStmt", "CreateOpClassStmt", "AlterOperatorStmt", "AlterTypeStmt"].includes(type)) return true;
    const kind = { RenameStmt: "renameType", DropStmt: "removeType", DefineStmt: "kind" }[type];
    const object = kind === undefined ? undefined : body[kind];
    // A type that is made anew has no columns yet, and one that goes has none left.
    return typeof object === "string" && deep.test(object) && (type === "RenameStmt" || !/TYPE|DOMAIN/.test(object));
}

/** Whether a condition is answered otherwise each time that it is asked. */
function isByChance({ node }: Statement): boolean {
    let found = false;
    walk(node, (type, body) => {
        if (type === "FuncCall" && /random|uuid|^(?:nextval|clock_timestamp|timeofday)$/.test(calledBy(body)))
            found = true;
    });
    return found;
}

function looksElsewhere({ node }: Statement): boolean {
    let found = false;
    walk(node, (type, body) => {
        if (type === "SubLink" || type === "SelectStmt") found = true;
        if (type === "FuncCall" && !steady.test(calledBy(body))) found = true;
        if (type === "A_Expr") {
            const operator = strings(body["name"] as Node[]);
            found ||= operator.length !== 1 || !plainOperator.test(operator[0] ?? "");
        }
    });
    return found;
}

/** A function's name without its schema. */
function calledBy(call: Readonly<Record<string, unknown>>): string {
    return strings(call["funcname"] as Node[]).at(-1) ?? "";
}
