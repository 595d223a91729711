import type { Node } from "libpg-query";
import { createAggregate, alterFunction, createFunction } from "./routine";
import { alterTable } from "./alter";
import { judgeCalls, judgeFunctions, judgeDo, judgeEventTriggers } from "./code";
import { commentOn } from "./comment";
import type { JudgeContext } from "./context";
import { dropStatement } from "./drop";
import {
    alterByIdentity,
    alterGlobal,
    alterPublication,
    createCast,
    createExtension,
    createGlobal,
    createInSchema,
    createOperator,
    createOperatorClass,
    createPublication,
    createSchema,
} from "./global";
import { alterDefaultPrivileges, applyDefaultPrivileges } from "./default-privileges";
import { grantStatement } from "./grant";
import { createIndex, createStatistics } from "./indexes";
import {
    clusterStatement,
    lockStatement,
    refreshStatement,
    reindexStatement,
    truncateStatement,
    vacuumStatement,
} from "./maintenance";
import { findObject } from "./object";
import { changeOwner, type RoleSpec } from "./owner";
import { createTableAs, createView, selectInto } from "./query";
import { renameStatement } from "./rename";
import { setSchema } from "./set-schema";
import { alterSequence, createSequence } from "./sequence";
import { setConfig, setVariable, type Savepoints } from "./session";
import { createTable } from "./table";
import { alterEventTrigger, alterPolicy, createEventTrigger, createPolicy, createRule, createTrigger } from "./trigger";
import { createComposite } from "./composite";
import { alterDomain, createDomain } from "./domain";
import { addType, alterEnum, createEnum } from "./type";
import { as, nodeType, strings, textOf } from "../nodes";
import { effectOutside } from "../outside";
import { isSeenByEventTriggers } from "../event-triggers";
import type { Statement } from "../statement";

type Body = Record<string, unknown>;
type Handler = (context: JudgeContext, body: Body, statement: Statement) => void;

/** Nothing of a schema changes, and nothing is locked that anybody waits for. */
const nothing: Handler = () => undefined;

/** What each kind of statement does, by the grammar's name. Those that are not here are opaque. */
const handlers: Readonly<Record<string, Handler>> = {
    CreateStmt: (context, body) => {
        createTable(context, body);
    },
    CreateForeignTableStmt: (context, body) => {
        createTable(context, (body["base"] ?? body["base_stmt"]) as Body, true);
    },
    AlterTableStmt: alterTable,
    DropStmt: dropStatement,
    RenameStmt: renameStatement,
    AlterObjectSchemaStmt: setSchema,
    AlterOwnerStmt: (context, body) => {
        const object = findObject(context, textOf(body["objectType"]), body["object"] as Node, false);
        if (object !== undefined) changeOwner(context, object, body["newowner"] as RoleSpec | undefined);
    },
    AlterObjectDependsStmt: alterDepends,
    IndexStmt: createIndex,
    CreateStatsStmt: createStatistics,
    AlterStatsStmt: (context, body) => {
        const object = findObject(
            context,
            "OBJECT_STATISTIC_EXT",
            { List: { items: body["defnames"] } } as Node,
            body["missing_ok"] === true,
        );
        if (object !== undefined) context.model.change(object, `${object.definition} (altered)`);
    },
    ViewStmt: createView,
    CreateTableAsStmt: createTableAs,
    CreateFunctionStmt: (context, body, statement) => {
        createFunction(context, body, statement.sql);
    },
    AlterFunctionStmt: alterFunction,
    CreateTrigStmt: createTrigger,
    CreatePolicyStmt: createPolicy,
    AlterPolicyStmt: alterPolicy,
    RuleStmt: createRule,
    CreateEventTrigStmt: createEventTrigger,
    AlterEventTrigStmt: alterEventTrigger,
    CreateEnumStmt: createEnum,
    AlterEnumStmt: alterEnum,
    CompositeTypeStmt: createComposite,
    CreateRangeStmt: (context, body) => {
        addType(context, "type", strings(body["typeName"] as Node[]), "RANGE");
    },
    CreateDomainStmt: createDomain,
    AlterDomainStmt: alterDomain,
    AlterTypeStmt: (context, body) => {
        const type = findObject(context, "OBJECT_TYPE", { TypeName: { names: body["typeName"] } } as Node, false);
        if (type !== undefined) context.model.change(type, `${type.definition} (altered)`);
    },
    CreateSeqStmt: createSequence,
    AlterSeqStmt: alterSequence,
    CreateExtensionStmt: createExtension,
    AlterExtensionStmt: (context, body) => {
        context.unsure(`ALTER EXTENSION ${textOf(body["extname"])} UPDATE runs the extension's own scripts`);
    },
    AlterExtensionContentsStmt: (context) => {
        context.unsure("ALTER EXTENSION … ADD or DROP changes what belongs to it");
    },
    CreatePublicationStmt: createPublication,
    AlterPublicationStmt: alterPublication,
    CreateFdwStmt: createGlobal("foreign data wrapper", "fdwname"),
    AlterFdwStmt: alterGlobal("foreign data wrapper", "fdwname"),
    CreateForeignServerStmt: createGlobal("server", "servername", { kind: "foreign data wrapper", key: "fdwname" }),
    AlterForeignServerStmt: alterGlobal("server", "servername"),
    CreateUserMappingStmt: nothing,
    AlterUserMappingStmt: nothing,
    DropUserMappingStmt: nothing,
    CreatePLangStmt: createGlobal("language", "plname"),
    CreateCastStmt: createCast,
    CreateOpClassStmt: createOperatorClass,
    CreateOpFamilyStmt: createOperatorClass,
    AlterOpFamilyStmt: alterByIdentity("operator family", "opfamilyname"),
    AlterOperatorStmt: alterByIdentity("operator", "opername"),
    AlterCollationStmt: nothing,
    AlterTSConfigurationStmt: alterByIdentity("text search configuration", "cfgname"),
    AlterTSDictionaryStmt: alterByIdentity("text search dictionary", "dictname"),
    DefineStmt: define,
    // No catalog here lists them; made, they lose nothing.
    CreateTransformStmt: nothing,
    CreateAmStmt: nothing,
    CreateConversionStmt: nothing,
    SecLabelStmt: nothing,
    CommentStmt: commentOn,
    GrantStmt: grantStatement,
    AlterDefaultPrivilegesStmt: alterDefaultPrivileges,
    LockStmt: lockStatement,
    TruncateStmt: truncateStatement,
    ClusterStmt: clusterStatement,
    VacuumStmt: vacuumStatement,
    ReindexStmt: reindexStatement,
    RefreshMatViewStmt: refreshStatement,
    // Rows are counted elsewhere; here their triggers and the functions they call were looked into.
    InsertStmt: nothing,
    UpdateStmt: nothing,
    DeleteStmt: nothing,
    MergeStmt: nothing,
    SelectStmt: (context, body) => {
        if (body["intoClause"] !== undefined) selectInto(context, body);
        setConfig(context, body);
    },
    CallStmt: nothing,
    CopyStmt: nothing,
    VariableSetStmt: setVariable,
    VariableShowStmt: nothing,
    DiscardStmt: (context, body) => {
        const all = body["target"] === "DISCARD_ALL";
        if (all || body["target"] === "DISCARD_TEMP") context.model.forgetTemporary();
        if (all) context.model.path.reset();
    },
    PrepareStmt: nothing,
    DeallocateStmt: nothing,
    ExecuteStmt: (context) => {
        context.unsure("EXECUTE of a prepared statement");
    },
    DeclareCursorStmt: nothing,
    FetchStmt: nothing,
    ClosePortalStmt: nothing,
    ConstraintsSetStmt: nothing,
};

/**
 * Judges one statement on the model.
 * @param perhaps it may not run: what is there already is left in peace
 */
export async function judgeStatement(
    context: JudgeContext,
    statement: Statement,
    savepoints: Savepoints,
    perhaps = false,
): Promise<void> {
    context.line = statement.line;
    const { node } = statement;
    const type = nodeType(node);
    const body = as<Body>(node, type) ?? {};
    if (type === "TransactionStmt") {
        savepoints.transaction(context, body);
        return;
    }
    const outside = effectOutside(statement);
    if (outside !== undefined) {
        context.unsure(`${outside} acts outside this database`);
        return;
    }
    if (type === "DoStmt")
        return judgeDo(context, statement, (inner, sometimes) =>
            judgeStatement(context, inner, savepoints, sometimes || perhaps),
        );
    if (type === "ExplainStmt") return explain(context, statement, body, savepoints);
    await judgeCalls(context, statement);
    if (isSeenByEventTriggers(statement.node)) await judgeEventTriggers(context);
    const handler = handlers[type];
    if (type === "CreateSchemaStmt")
        createSchema(context, body, (element) => {
            handlers[nodeType(element)]?.(context, as<Body>(element, nodeType(element)) ?? {}, statement);
        });
    else if (handler === undefined) context.unsure(`${type.replace(/Stmt$/, "")} is not judged`);
    else if (perhaps)
        context.leniently(() => {
            handler(context, body, statement);
        });
    else handler(context, body, statement);
    applyDefaultPrivileges(context, context.model.takeCreated());
}

/** EXPLAIN ANALYZE runs what it explains. */
async function explain(context: JudgeContext, statement: Statement, body: Body, savepoints: Savepoints): Promise<void> {
    const options = ((body["options"] ?? []) as Node[]).flatMap(
        (n) => as<{ defname?: string }>(n, "DefElem")?.defname ?? [],
    );
    const explained = { ...statement, node: body["query"] as Node };
    if (options.includes("analyze")) await judgeStatement(context, explained, savepoints);
    // To plan it, what is IMMUTABLE is called with constants.
    else await judgeFunctions(context, explained);
}

function define(context: JudgeContext, body: Body): void {
    switch (body["kind"]) {
        case "OBJECT_AGGREGATE":
            return createAggregate(context, body);
        case "OBJECT_OPERATOR":
            return createOperator(context, body);
        case "OBJECT_TYPE":
            return createBaseType(context, body);
        case "OBJECT_COLLATION":
            return createInSchema("collation")(context, body);
        case "OBJECT_TSCONFIGURATION":
            return createInSchema("text search configuration")(context, body);
        case "OBJECT_TSDICTIONARY":
            return createInSchema("text search dictionary")(context, body);
        case "OBJECT_TSPARSER":
        case "OBJECT_TSTEMPLATE":
            // No catalog here lists them.
            return;
        default:
            context.unsure(`CREATE ${textOf(body["kind"]).replace("OBJECT_", "")} is not judged`);
    }
}

/** A shell type, or the base type that fills it. */
function createBaseType(context: JudgeContext, body: Body): void {
    const names = strings(body["defnames"] as Node[]);
    const shell = context.model.find(["type"], {
        name: names.at(-1) ?? "",
        ...(names.length > 1 ? { schema: names[0] ?? "" } : {}),
    });
    if (shell !== undefined && body["definition"] !== undefined)
        return context.model.change(shell, `${shell.definition} (filled)`);
    addType(context, "type", names, "TYPE");
}

/** DEPENDS ON EXTENSION: goes with it without being part of it. */
function alterDepends(context: JudgeContext, body: Body): void {
    const relation = body["relation"] === undefined ? undefined : { RangeVar: body["relation"] };
    const object = findObject(context, textOf(body["objectType"]), (body["object"] ?? relation) as Node, false);
    const name = (body["extname"] as { sval?: string } | undefined)?.sval ?? "";
    const extension = findObject(context, "OBJECT_EXTENSION", { String: { sval: name } }, false);
    if (object === undefined || extension === undefined) return;
    if (body["remove"] === true) context.model.dependencies.release(object.id, (d) => d.type !== "x");
    else context.model.dependencies.add(object.id, extension.id, "x");
}
