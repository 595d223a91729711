import type { Node } from "libpg-query";
import { typeText, type TypeName, type TypeResolver } from "../identifiers";
import { as, strings } from "../nodes";

interface ParsedType {
    readonly base: string;
    readonly modifiers: readonly number[];
}

/** `character varying(20)` → character varying, [20]. */
function parse(text: string): ParsedType {
    const modifiers = /\(([-\d, ]+)\)/.exec(text)?.[1]?.split(",").map(Number) ?? [];
    return { base: text.replace(/\([-\d, ]+\)/, "").trim(), modifiers };
}

/** Whether an expression after USING says no more than no USING at all: `column`, `column::type`. */
export function isPlainUsing(using: Node | undefined, column: string, to: string, resolve: TypeResolver): boolean {
    if (using === undefined) return true;
    const cast = as<{ arg?: Node; typeName?: TypeName }>(using, "TypeCast");
    const reference = as<{ fields?: Node[] }>(cast === undefined ? using : cast.arg, "ColumnRef");
    if (reference === undefined || strings(reference.fields).at(-1) !== column) return false;
    return cast === undefined || typeText(cast.typeName, true, resolve) === to;
}

/**
 * Whether ALTER COLUMN … TYPE writes the table anew. It does not where the old value is stored the same way in the new type and needs
 * no check: a longer or unlimited varchar, varbit, numeric of the same scale, more fractional seconds, text and varchar, cidr to inet.
 * Source: ATColumnChangeRequiresRewrite in tablecmds.c and the types' support functions.
 * @param from the type before, as format_type writes it, of a domain its base type
 * @param to the type after, likewise
 */
export function changesStorage(from: string, to: string): boolean {
    if (from === to) return false;
    const old = parse(from);
    const now = parse(to);
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
            return !grows;
        case "timestamp without time zone":
        case "timestamp with time zone":
        case "time without time zone":
        case "time with time zone":
        case "interval":
            return !(grows || (before === undefined && after >= 6));
        default:
            // The same type without a length that could matter; `character(n)` and `bit(n)` are padded.
            return true;
    }
}
