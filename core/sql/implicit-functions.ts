import type { Node } from "libpg-query";
import type { Client } from "pg";
import { nodeType, strings, walk } from "./nodes";

/**
 * SQL of a condition on `p`, of pg_proc: it stands behind an operator, a cast, an operator class, a range type, an aggregate or in a domain's check, so that an
 * expression calls it without its name.
 */
const isImplicit = `p.oid >= 16384 AND p.oid IN (
    SELECT oprcode::oid FROM pg_catalog.pg_operator WHERE oid >= 16384
    UNION ALL SELECT castfunc FROM pg_catalog.pg_cast WHERE oid >= 16384
    UNION ALL SELECT amproc::oid FROM pg_catalog.pg_amproc WHERE oid >= 16384
    UNION ALL SELECT unnest(ARRAY[rngcanonical, rngsubdiff])::oid FROM pg_catalog.pg_range WHERE rngtypid >= 16384
    UNION ALL SELECT unnest(ARRAY[aggtransfn, aggfinalfn, aggcombinefn, aggmtransfn, aggminvtransfn, aggmfinalfn])::oid
                FROM pg_catalog.pg_aggregate WHERE aggfnoid >= 16384
    UNION ALL SELECT d.refobjid FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_constraint'::regclass
                 AND d.objid = k.oid AND d.refclassid = 'pg_catalog.pg_proc'::regclass WHERE k.contypid <> 0)`;

/** SQL of a condition: such a function exists. @param condition SQL on `p`, and on `l`, of pg_language */
export function implicitFunctionExists(condition: string): string {
    return `EXISTS (SELECT FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang WHERE ${isImplicit} AND ${condition})`;
}

/**
 * Names of the functions of the database's users, extensions' compiled ones left out, that an expression may call without naming them.
 * Which of them it calls is not worked out: what loses rows behind an operator is rare enough to be told wherever there are expressions.
 */
export async function implicitFunctions(client: Client): Promise<string[]> {
    const { rows } = await client.query<{ name: string }>(
        `SELECT DISTINCT p.proname AS name FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang
          WHERE ${isImplicit} AND l.lanname NOT IN ('c', 'internal')`,
    );
    return rows.map(({ name }) => name);
}

/** Statements, by the grammar's names, that put a function behind an operator, a cast and the like. */
export const putsBehindExpressions =
    /^(?:Define|CreateCast|CreateOpClass|AlterOpFamily|CreateRange|CreateDomain|AlterDomain)Stmt$/;

/** Those besides, that may hold one that does, or make it count. */
const mayPutBehindExpressions = /^(?:CreateExtension|AlterExtension|CreateFunction|Do|Call)Stmt$/;

/** Whether, after a statement of a type, expressions may call other functions. */
export function changesImplicit(type: string): boolean {
    return putsBehindExpressions.test(type) || mayPutBehindExpressions.test(type);
}

/** Whether a change of a table works out an expression, a cast or a domain's check for its rows. */
export function worksOutValues(node: Node): boolean {
    if (nodeType(node) !== "AlterTableStmt") return false;
    let works = false;
    walk(node, (type, body) => {
        if (type === "AlterTableCmd" && /^AT_(?:ValidateConstraint|AlterColumnType)$/.test(String(body["subtype"])))
            works = true;
        if (type === "Constraint" && body["raw_expr"] !== undefined) works = true;
        const column = type === "ColumnDef" ? (body["typeName"] as { names?: Node[] } | undefined) : undefined;
        if (column !== undefined && strings(column.names)[0] !== "pg_catalog") works = true;
    });
    return works;
}

/** Whether a statement may call such functions: all but plain changes of tables. */
export function hasExpressions(node: Node): boolean {
    return nodeType(node) !== "AlterTableStmt" || worksOutValues(node);
}
