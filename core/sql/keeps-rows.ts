import { readBody } from "./body";
import { doBody, innerStatements } from "./do-block";
import { losslessKind, noBystanders } from "./lossless";
import { nodeType } from "./nodes";
import type { Statement } from "./statement";

/** Statements that a plan may call opaque, for they act outside of the database, by which no row and no value can go. */
const harmless = new Set([
    "CreateRoleStmt",
    "AlterRoleStmt",
    "AlterRoleSetStmt",
    "GrantRoleStmt",
    "GrantStmt",
    "AlterDefaultPrivilegesStmt",
    "CreatePolicyStmt",
    "AlterDatabaseSetStmt",
    "CreatedbStmt",
    "CreateTableSpaceStmt",
    "NotifyStmt",
    "ListenStmt",
    "UnlistenStmt",
    "CheckPointStmt",
]);

/**
 * Whether a statement's effect, though it may not be seen whole, is none on rows: also a DO block of nothing but such statements,
 * as in `IF NOT EXISTS (…) THEN CREATE ROLE …`. Needs the parser loaded.
 */
export function keepsRows(statement: Statement): boolean {
    const type = nodeType(statement.node);
    if (type !== "DoStmt") return harmless.has(type);
    const { body, language } = doBody(statement.node);
    if (language !== "plpgsql") return false;
    const { hidden, functions } = readBody(statement.sql, body, language);
    const inner = innerStatements(statement.sql);
    return (
        hidden === undefined &&
        functions.length === 0 &&
        inner?.unseen === false &&
        inner.statements.every(
            ({ node, sql }) => harmless.has(nodeType(node)) || losslessKind({ ...statement, node, sql }, noBystanders),
        )
    );
}
