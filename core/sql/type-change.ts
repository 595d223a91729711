import type { Node } from "libpg-query";
import type { IdentifiedObject } from "./catalog";
import { typeText, type TypeName } from "./identifiers";
import { as, strings } from "./nodes";

interface ParsedType {
    readonly base: string;
    readonly modifiers: readonly number[];
}

/** The type at the head of a column's definition: `character varying(20) NOT NULL` → character varying, [20]. */
function parse(text: string): ParsedType {
    const head =
        text.split(/ (?:COLLATE|NOT NULL|DEFAULT|GENERATED|STORAGE|COMPRESSION|STATISTICS|WITH \(|OPTIONS \()/, 1)[0] ??
        text;
    const modifiers = /\(([\d, ]+)\)/.exec(head)?.[1]?.split(",").map(Number) ?? [];
    return { base: head.replace(/\([\d, ]+\)/, "").trim(), modifiers };
}

/**
 * Whether ALTER COLUMN … TYPE writes the table anew. It does not where the old value is stored the same way in the new type and needs
 * no check: a longer or unlimited varchar, varbit, numeric of the same scale, more fractional seconds, text and varchar, cidr to inet,
 * a domain without constraints. Source: ATColumnChangeRequiresRewrite in tablecmds.c and the types' support functions.
 * @param from the column's definition before
 * @param using the expression after USING
 */
export function changesStorage(
    from: string,
    to: string,
    using: Node | undefined,
    column: string,
    domain: IdentifiedObject | undefined,
): boolean {
    if (using !== undefined && !isPlainCast(using, column, to)) return true;
    if (domain !== undefined && / CONSTRAINT | NOT NULL|\bCHECK\b/i.test(domain.definition)) return true;
    const old = parse(from);
    const now = parse(domain === undefined ? to : domain.definition);
    const [before, after] = [old.modifiers[0], now.modifiers[0]];
    const grows = after === undefined || (before !== undefined && after >= before);
    const isText = (type: string): boolean => type === "text" || type === "character varying";
    if (isText(old.base) && isText(now.base)) return now.base === "character varying" && !grows;
    if (old.base === "cidr" && now.base === "inet") return false;
    if (old.base !== now.base) return true;
    switch (old.base) {
        case "numeric":
            return (
                after !== undefined &&
                !(before !== undefined && after >= before && (old.modifiers[1] ?? 0) === (now.modifiers[1] ?? 0))
            );
        case "bit varying":
        case "timestamp without time zone":
        case "timestamp with time zone":
        case "time without time zone":
        case "time with time zone":
        case "interval":
            return !(grows || (before === undefined && (after ?? 0) >= 6 && old.base !== "bit varying"));
        default:
            // The same type without a length that could matter; `character(n)` and `bit(n)` are padded.
            return old.modifiers.join() !== now.modifiers.join();
    }
}

/** `USING column` and `USING column::type` say no more than no USING at all. */
function isPlainCast(using: Node, column: string, to: string): boolean {
    const cast = as<{ arg?: Node; typeName?: TypeName }>(using, "TypeCast");
    const reference = as<{ fields?: Node[] }>(cast === undefined ? using : cast.arg, "ColumnRef");
    if (reference === undefined || strings(reference.fields).at(-1) !== column) return false;
    return cast === undefined || typeText(cast.typeName, true) === to;
}
