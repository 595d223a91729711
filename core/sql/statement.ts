import type { Node } from "libpg-query";

/** One statement of a script, as PostgreSQL's own grammar split it. */
export interface Statement {
    /** The statement's text without the closing semicolon and without leading blank lines and comments. */
    readonly sql: string;
    /** 1-based line in the script where `sql` begins. */
    readonly line: number;
    /** Character (UTF-16) offset of `sql` in the script. */
    readonly offset: number;
    /** The parse tree: exactly one key, the node's type (`CreateStmt`, `DropStmt`, …). */
    readonly node: Node;
}
