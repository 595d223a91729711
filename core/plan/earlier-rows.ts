import type { Node } from "libpg-query";
import type { RangeVar } from "../sql/identifiers";
import { as, nodeType, strings, walk } from "../sql/nodes";
import { rowChangesOf } from "../sql/row-changes";
import type { Statement } from "../sql/statement";

/** Functions that say the same whatever the plan did before. */
const steady =
    /^(?:now|lower|upper|coalesce|length|date_trunc|date_part|extract|btrim|trim|left|right|substr|substring|like_escape|any|all)$/;

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
    private settings = false;

    /** Whether the rows that a statement's condition takes are those that it would take now. @param relation as RelationFacts name it */
    areAsNow(statement: Statement, relation: string): boolean {
        if (this.everything || this.relations.has(relation)) return false;
        return (this.relations.size === 0 && !this.settings) || !looksElsewhere(statement);
    }

    /** @param relations what it may have changed, and what keys lead to from there */
    add({ node }: Statement, relations: readonly string[], opaque: boolean): void {
        const type = nodeType(node);
        for (const relation of relations) this.relations.add(relation);
        if (opaque || type === "DoStmt" || type === "CallStmt" || type === "ExecuteStmt") this.everything = true;
        walk(node, (t, body) => {
            if (t === "FuncCall" && strings(body["funcname"] as Node[]).at(-1) === "set_config") this.settings = true;
        });
        if (type === "VariableSetStmt") this.settings = true;
    }
}

function looksElsewhere({ node }: Statement): boolean {
    let found = false;
    walk(node, (type, body) => {
        if (type === "SubLink" || type === "SelectStmt") found = true;
        if (type === "FuncCall" && !steady.test(strings(body["funcname"] as Node[]).at(-1) ?? "")) found = true;
    });
    return found;
}
