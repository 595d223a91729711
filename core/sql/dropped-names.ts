import type { Node } from "libpg-query";
import type { IdentifiedObject } from "./catalog";
import { as, strings, walk } from "./nodes";
import type { Statement } from "./statement";

/** What the statements of a script drop by name. DO blocks name nothing. */
export interface DroppedNames {
    has(object: IdentifiedObject): boolean;
    /** Columns (quoted where needed) that the script takes from a table: DROP COLUMN, DROP IDENTITY. */
    columnsOf(table: IdentifiedObject): readonly string[];
}

/** quote_ident, near enough: keywords aside. */
function quoted(name: string): string {
    return /^[a-z_][a-z0-9_$]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
}

function spellingsOf(name: string): string[] {
    return [name, quoted(name), `"${name}"`];
}

function same(name: string, quotedName: string): boolean {
    return spellingsOf(name).includes(quotedName);
}

interface Command {
    readonly subtype?: string;
    readonly name?: string;
}

/** Collects the names that DROP and ALTER … DROP say. Compares without schemas: `DROP TABLE t` names t in any schema. */
export function droppedNames(statements: readonly Statement[]): DroppedNames {
    const names: string[] = [];
    const parts: { readonly table: string; readonly part: string; readonly column: boolean }[] = [];
    for (const { node } of statements) {
        const drop = as<{ objects?: Node[] }>(node, "DropStmt");
        for (const object of drop?.objects ?? []) names.push(...lastNames(object));
        const alter = as<{ relation?: { relname?: string }; cmds?: Node[] }>(node, "AlterTableStmt");
        for (const item of alter?.cmds ?? []) {
            const command = as<Command>(item, "AlterTableCmd");
            const subtype = command?.subtype ?? "";
            if (!/^AT_(?:Drop|Alter|Detach|Set)/.test(subtype) || command?.name === undefined) continue;
            parts.push({
                table: alter?.relation?.relname ?? "",
                part: command.name,
                column: /Column|Identity|Expression/.test(subtype),
            });
        }
        const publication = as<{ pubname?: string }>(node, "AlterPublicationStmt");
        if (publication?.pubname !== undefined) names.push(publication.pubname);
    }
    const spellings = new Set(names.flatMap(spellingsOf));
    const local = (object: IdentifiedObject): string => object.localName.replace(/\(.*$/, "");
    const tableName = (object: IdentifiedObject): string =>
        (object.of ?? "").replace(/^(?:"(?:[^"]|"")*"|[^."]*)\.(?=.)/, "");
    return {
        has: (object) =>
            spellings.has(local(object)) ||
            parts.some(({ table, part }) => same(part, local(object)) && same(table, tableName(object))) ||
            // Casts, operators and the like have no plain name: a DROP of that kind is taken as theirs.
            (["cast", "operator", "operator class", "operator family"].includes(object.kind) && names.length > 0),
        columnsOf: (table) => parts.filter((p) => p.column && same(p.table, local(table))).map((p) => p.part),
    };
}

/** `public.t` → t; `t.trigger` → trigger; `f(int)` → f; a type's name → its last part. */
function lastNames(object: Node): string[] {
    const list = as<{ items?: Node[] }>(object, "List")?.items;
    if (list !== undefined) return strings(list).slice(-1);
    const text = as<{ sval?: string }>(object, "String")?.sval;
    if (text !== undefined) return [text];
    const found: string[] = [];
    walk(object, (type, body) => {
        const inner = type === "ObjectWithArgs" ? body["objname"] : type === "TypeName" ? body["names"] : undefined;
        if (inner !== undefined && found.length === 0) found.push(...strings(inner as never).slice(-1));
    });
    return found;
}
