import { as, nodeType } from "./nodes";
import type { Statement } from "./statement";

/** Kinds of objects whose DROP only takes entries out of the catalog; their files go after COMMIT. */
const droppable = new Set(
    ["TABLE", "VIEW", "MATVIEW", "INDEX", "SEQUENCE", "TYPE", "DOMAIN", "FUNCTION", "PROCEDURE", "TRIGGER"].map(
        (kind) => `OBJECT_${kind}`,
    ),
);

interface Relation {
    readonly schemaname?: string;
    readonly relname?: string;
    readonly relpersistence?: string;
}

/**
 * Whether statements only make new, empty objects or drop some, so that they take moments however much data there is, evaluate
 * nothing, read and change no row, and leave nothing behind in the session. What is changed in place (ALTER TABLE) is not among
 * them: its locks lie on what stays in use.
 */
export function isBrief(statements: readonly Statement[]): boolean {
    const made = new Set<string>();
    return statements.every(({ node }) => {
        const type = nodeType(node);
        const body = as<Readonly<Record<string, unknown>>>(node, type) ?? {};
        const relation = body["relation"] as Relation | undefined;
        switch (type) {
            case "CreateStmt":
                // A partition is checked against the rows of the default one; a temporary table's end is COMMIT's.
                if (body["partbound"] !== undefined || relation?.relpersistence !== "p") return false;
                // Where the table may be there already, an index on it may be one on a table with rows.
                if (body["if_not_exists"] !== true) made.add(nameOf(relation));
                return true;
            case "IndexStmt":
                return body["concurrent"] !== true && made.has(nameOf(relation));
            case "CreateSeqStmt":
                return (body["sequence"] as Relation | undefined)?.relpersistence === "p";
            case "ViewStmt":
                return body["replace"] !== true && (body["view"] as Relation | undefined)?.relpersistence === "p";
            case "CreateEnumStmt":
            case "CommentStmt":
                return true;
            case "DropStmt":
                return body["concurrent"] !== true && droppable.has(String(body["removeType"]));
            default:
                return false;
        }
    });
}

function nameOf(relation: Relation | undefined): string {
    return JSON.stringify([relation?.schemaname ?? "", relation?.relname ?? ""]);
}
