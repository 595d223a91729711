import type { Node } from "libpg-query";
import { as, nodeType, strings, walk } from "./nodes";
import { isLosslessCommand } from "./lossless-commands";
import { putsBehindExpressions, worksOutValues } from "./implicit-functions";
import { rowChangesOf } from "./row-changes";
import type { Statement } from "./statement";

/** Statements that only make something, describe it, or set the session. */
const lossless = new Set([
    "CreateStmt",
    "CreateTableAsStmt",
    "IndexStmt",
    "ViewStmt",
    "CreateEnumStmt",
    "CompositeTypeStmt",
    "CreateRangeStmt",
    "CreateDomainStmt",
    "CreateSeqStmt",
    "CreateFunctionStmt",
    "CreateTrigStmt",
    "CreatePolicyStmt",
    "CreateSchemaStmt",
    "CreateExtensionStmt",
    "CreateStatsStmt",
    "CreateCastStmt",
    "CreateOpClassStmt",
    "CreateOpFamilyStmt",
    "DefineStmt",
    "AlterEnumStmt",
    "AlterFunctionStmt",
    "AlterDefaultPrivilegesStmt",
    "CommentStmt",
    "GrantStmt",
    "InsertStmt",
    "SelectStmt",
    "AlterTableStmt",
    "VariableSetStmt",
    "VariableShowStmt",
    "RefreshMatViewStmt",
    "ReindexStmt",
    "VacuumStmt",
    "LockStmt",
]);

/** Functions of pg_catalog that scripts use and that change nothing but the session's settings, a sequence or an advisory lock. */
const harmlessFunctions = new Set(
    `now current_timestamp clock_timestamp statement_timestamp transaction_timestamp timezone age date_trunc date_part extract to_char to_date
    to_timestamp to_number make_date make_interval make_timestamp generate_series unnest array_length array_agg array_append array_to_string
    string_to_array cardinality string_agg json_agg jsonb_agg json_object_agg jsonb_object_agg json_build_object jsonb_build_object
    json_build_array jsonb_build_array to_json to_jsonb row_to_json jsonb_set count sum avg min max bool_and bool_or every coalesce nullif
    greatest least lower upper initcap length char_length octet_length substr substring left right trim btrim ltrim rtrim lpad rpad replace
    regexp_replace regexp_matches split_part concat concat_ws format quote_ident quote_literal md5 sha256 encode decode reverse repeat position
    strpos overlay translate abs ceil ceiling floor round trunc mod power sqrt random sign gen_random_uuid nextval currval setval lastval
    set_config current_setting version current_database current_schema current_schemas to_regclass to_regtype row_number rank dense_rank
    lag lead first_value last_value ntile pg_advisory_xact_lock pg_typeof to_tsvector to_tsquery plainto_tsquery setweight int4range int8range
    daterange tstzrange numrange pg_sleep hashtext`.split(/\s+/),
);

/** Code that runs by itself when something else happens. */
export interface Bystanders {
    /**
     * Triggers and rules on tables, functions in defaults, checks and views, behind operators and casts: what an INSERT, a query or an expression
     * sets off is not told by it.
     */
    readonly onRows: boolean;
    /** Event triggers: the same for every other statement. */
    readonly onDefinitions: boolean;
}

export const noBystanders: Bystanders = { onRows: false, onDefinitions: false };

const bystanders = /^(?:CreateTrig|Rule|CreateEventTrig|AlterEventTrig|CreatePolicy)Stmt$/;

/** Whether a statement makes such code or turns it on, so that later ones may set it off. */
export function makesBystander({ node }: Statement): boolean {
    let makes = false;
    // Also within CREATE SCHEMA. One that was off is not among those found in the database.
    walk(node, (type, body) => {
        if (bystanders.test(type) || putsBehindExpressions.test(type)) makes = true;
        if (type === "AlterTableCmd" && /^AT_Enable(?:\w*Trig|\w*Rule)/.test(String(body["subtype"]))) makes = true;
    });
    return makes;
}

/**
 * Whether a statement can never lose a row or a value, whatever the tables hold; cheap, and says no in doubt. Source: the
 * commands' pages in PostgreSQL's manual. Not asked: whether it locks, rewrites or fails.
 */
export function losslessKind(statement: Statement, { onRows, onDefinitions }: Bystanders): boolean {
    const { node } = statement;
    const type = nodeType(node);
    if (!lossless.has(type) || onDefinitions) return false;
    if (onRows && (rowChangesOf(node).length > 0 || queries.test(type) || worksOutValues(node))) return false;
    const body = as<Record<string, unknown>>(node, type) ?? {};
    if (type === "AlterTableStmt" && !(body["cmds"] as Node[]).every(isLosslessCommand)) return false;
    // A trigger that is being made can do anything, but only when rows change later; CREATE OR REPLACE loses no value either.
    if (type === "CreateFunctionStmt" || type === "CreateTrigStmt" || type === "CreatePolicyStmt") return true;
    return isHarmlessQuery(node);
}

const queries = /^(?:Select|CreateTableAs|RefreshMatView|Index|Reindex|Vacuum)Stmt$/;

/** No DELETE and the like in any part, no ON CONFLICT DO UPDATE, no function that could hide one. */
function isHarmlessQuery(node: Node): boolean {
    let harmless = true;
    walk(node, (type, body) => {
        if (["DeleteStmt", "UpdateStmt", "MergeStmt", "TruncateStmt", "DropStmt", "DoStmt"].includes(type))
            harmless = false;
        if (
            type === "InsertStmt" &&
            (body["onConflictClause"] as { action?: string } | undefined)?.action === "ONCONFLICT_UPDATE"
        )
            harmless = false;
        if (type === "FuncCall") {
            const names = strings(body["funcname"] as Node[]);
            const schema = names.length > 1 ? names[0] : "pg_catalog";
            if (schema !== "pg_catalog" || !harmlessFunctions.has(names.at(-1) ?? "")) harmless = false;
        }
    });
    return harmless;
}
