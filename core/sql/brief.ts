import { as, nodeType } from "./nodes";
import type { Statement } from "./statement";

/**
 * Kinds of objects whose DROP only takes entries out of the catalog; their files go after COMMIT. Not those that hang on a table which
 * stays: an index, a trigger.
 */
const droppable = new Set(
    ["TABLE", "VIEW", "MATVIEW", "SEQUENCE", "TYPE", "DOMAIN", "FUNCTION", "PROCEDURE"].map((kind) => `OBJECT_${kind}`),
);
/** Those among them whose CASCADE takes no column, default or trigger off a table. */
const cascading = new Set(["OBJECT_TABLE", "OBJECT_VIEW", "OBJECT_MATVIEW"]);

interface Relation {
    readonly schemaname?: string;
    readonly relname?: string;
    readonly relpersistence?: string;
}

/**
 * Whether statements only make new, empty objects or drop some, so that they take moments however much data there is, evaluate
 * nothing, read and change no row, and leave nothing behind in the session. What is changed in place (ALTER TABLE) is not among
 * them: its locks lie on what stays in use. (Those on a table that a key refers to do so, too.)
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
                if (body["partbound"] !== undefined || !isPermanent(relation)) return false;
                // Where the table may be there already, an index on it may be one on a table with rows.
                if (body["if_not_exists"] !== true) made.add(nameOf(relation));
                return true;
            case "IndexStmt":
                return body["concurrent"] !== true && made.has(nameOf(relation));
            case "CreateSeqStmt":
                return isPermanent(body["sequence"] as Relation | undefined);
            case "ViewStmt":
                return body["replace"] !== true && isPermanent(body["view"] as Relation | undefined);
            case "CreateEnumStmt":
            case "CommentStmt":
                return true;
            case "DropStmt": {
                const kind = String(body["removeType"]);
                made.clear();
                return droppable.has(kind) && (body["behavior"] !== "DROP_CASCADE" || cascading.has(kind));
            }
            default:
                return false;
        }
    });
}

function isPermanent(relation: Relation | undefined): boolean {
    return relation?.relpersistence === "p" && !/^pg_temp/i.test(relation.schemaname ?? "");
}

function nameOf(relation: Relation | undefined): string {
    return JSON.stringify([relation?.schemaname ?? "", relation?.relname ?? ""]);
}
