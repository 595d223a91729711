import type { Node } from "libpg-query";

/** The node's type: `CreateStmt`, `DropStmt`, … */
export function nodeType(node: Node): string {
    return Object.keys(node)[0] ?? "";
}

/** The body of a node of that type; undefined when it is of another. */
export function as<T>(node: Node | undefined, type: string): T | undefined {
    return node === undefined ? undefined : (node as unknown as Record<string, T | undefined>)[type];
}

/** Visits every object of a parse tree, depth first, with the type name under which it hangs. */
export function walk(tree: unknown, visit: (type: string, body: Readonly<Record<string, unknown>>) => void): void {
    if (Array.isArray(tree)) {
        for (const item of tree) walk(item, visit);
    } else if (typeof tree === "object" && tree !== null) {
        const node = tree as Readonly<Record<string, unknown>>;
        for (const key in node) {
            const value = node[key];
            if (typeof value !== "object" || value === null) continue;
            // Types begin with a capital letter, members do not. This runs over every node of every script.
            if (key.charCodeAt(0) <= 90 && !Array.isArray(value)) visit(key, value as Record<string, unknown>);
            walk(value, visit);
        }
    }
}

/** The names of a list of String nodes: `["audit", "log"]`. */
export function strings(list: readonly Node[] | undefined): string[] {
    return (list ?? []).flatMap((n) => {
        const text = as<{ sval?: string }>(n, "String")?.sval;
        return text === undefined ? [] : [text];
    });
}

/** Every String node of a tree: names of all sorts. */
export function allStrings(tree: unknown): string[] {
    const found: string[] = [];
    walk(tree, (type, { sval }) => {
        if (type === "String" && typeof sval === "string") found.push(sval);
    });
    return found;
}

/** Unqualified names of the functions and procedures that a tree calls. */
export function calledFunctions(tree: unknown): string[] {
    const names: string[] = [];
    walk(tree, (type, body) => {
        // A CALL has its function without the type's name around it.
        const call = type === "CallStmt" ? (body["funccall"] as Readonly<Record<string, unknown>> | undefined) : body;
        const name = type === "CallStmt" || type === "FuncCall" ? call?.["funcname"] : undefined;
        if (name !== undefined) names.push(strings(name as Node[]).at(-1) ?? "");
    });
    return names;
}

/** Names after a dot, `t.name` and `(t).name`: a function of one row may be called so. */
export function calledAsAttributes(tree: unknown): string[] {
    const names: string[] = [];
    walk(tree, (type, body) => {
        const parts =
            type === "ColumnRef" ? body["fields"] : type === "A_Indirection" ? body["indirection"] : undefined;
        const named = strings(parts as Node[] | undefined);
        if (named.length > (type === "ColumnRef" ? 1 : 0)) names.push(named.at(-1) ?? "");
    });
    return names;
}

/** Unqualified names of all that a tree may call: where one is a column as well, that is meant or not. */
export function callableNames(tree: unknown): string[] {
    return [...calledFunctions(tree), ...calledAsAttributes(tree)];
}

/** A member of a node's body that is text; empty where it is absent. */
export function textOf(value: unknown): string {
    return typeof value === "string" ? value : "";
}
