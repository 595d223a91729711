import type { Node } from "libpg-query";
import { nodeType, strings, textOf } from "../nodes";

/** Node types whose column is called after their keyword. */
const fixed: Readonly<Record<string, string>> = {
    A_ArrayExpr: "array",
    RowExpr: "row",
    CoalesceExpr: "coalesce",
    GroupingFunc: "grouping",
    MergeSupportFunc: "merge_action",
    JsonScalarExpr: "json_scalar",
    JsonSerializeExpr: "json_serialize",
    JsonParseExpr: "json",
    JsonObjectConstructor: "json_object",
    JsonArrayConstructor: "json_array",
    JsonArrayQueryConstructor: "json_array",
    JsonObjectAgg: "json_objectagg",
    JsonArrayAgg: "json_arrayagg",
};

/** How an expression's column is called when nothing is said; undefined: the server has no idea either. Source: FigureColnameInternal in parse_target.c. */
export function figureColumnName(node: Node | undefined): string | undefined {
    return figure(node).name;
}

interface Figured {
    readonly name?: string;
    /** 1: only if nothing better is found. */
    readonly strength: 0 | 1 | 2;
}

function figure(node: Node | undefined): Figured {
    if (node === undefined) return { strength: 0 };
    const type = nodeType(node);
    const body = (node as unknown as Record<string, Record<string, unknown>>)[type] ?? {};
    const inner = (key: string): Figured => figure(body[key] as Node | undefined);
    const sure = (name: string | undefined): Figured => (name === undefined ? { strength: 0 } : { name, strength: 2 });
    const plain = fixed[type];
    if (plain !== undefined) return sure(plain);
    switch (type) {
        case "ColumnRef":
            return sure(strings((body["fields"] as Node[]).slice(-1))[0]);
        case "A_Indirection": {
            const field = strings(body["indirection"] as Node[]).at(-1);
            return field === undefined ? inner("arg") : sure(field);
        }
        case "FuncCall":
            return sure(strings(body["funcname"] as Node[]).at(-1));
        case "A_Expr":
            return body["kind"] === "AEXPR_NULLIF" ? sure("nullif") : { strength: 0 };
        case "TypeCast": {
            const arg = inner("arg");
            const name = strings((body["typeName"] as { names?: Node[] } | undefined)?.names).at(-1);
            return arg.strength > 1 || name === undefined ? arg : { name, strength: 1 };
        }
        case "CollateClause":
            return inner("arg");
        case "CaseExpr": {
            const otherwise = inner("defresult");
            return otherwise.strength > 1 ? otherwise : { name: "case", strength: 1 };
        }
        case "MinMaxExpr":
            return sure(body["op"] === "IS_LEAST" ? "least" : "greatest");
        case "SQLValueFunction":
            return sure(
                textOf(body["op"])
                    .replace(/^SVFOP_/, "")
                    .replace(/_N$/, "")
                    .toLowerCase(),
            );
        case "XmlExpr":
            return sure(textOf(body["op"]).replace(/^IS_/, "").toLowerCase());
        case "XmlSerialize":
            return sure("xmlserialize");
        case "JsonFuncExpr":
            return sure(
                { JSON_EXISTS_OP: "json_exists", JSON_QUERY_OP: "json_query", JSON_VALUE_OP: "json_value" }[
                    textOf(body["op"])
                ],
            );
        case "SubLink":
            return subLink(body);
        default:
            return { strength: 0 };
    }
}

function subLink(body: Readonly<Record<string, unknown>>): Figured {
    if (body["subLinkType"] === "EXISTS_SUBLINK") return { name: "exists", strength: 2 };
    if (body["subLinkType"] === "ARRAY_SUBLINK") return { name: "array", strength: 2 };
    if (body["subLinkType"] !== "EXPR_SUBLINK") return { strength: 0 };
    const select = (body["subselect"] as { SelectStmt?: { targetList?: Node[] } } | undefined)?.SelectStmt;
    const target = (select?.targetList?.[0] as { ResTarget?: { name?: string; val?: Node } } | undefined)?.ResTarget;
    return target?.name === undefined ? figure(target?.val) : { name: target.name, strength: 2 };
}
