import { splitTopLevel } from "./identifiers";
import type { IdentifiedObject } from "./catalog";
import { parseColumn } from "./column-definition";
import type { CatalogChange } from "./observation";

/**
 * Composite types that lost attributes, and with them a part of the values in columns: rows and columns stay, so that nothing else
 * tells of it.
 * @param objects all of the catalog in which columns of the types are looked for
 * @returns a sentence for each
 */
export function lostAttributes(
    changed: readonly CatalogChange[],
    objects: () => readonly IdentifiedObject[],
): string[] {
    return changed.flatMap(({ object, before: old }) => {
        if (object.kind !== "type" || old === undefined) return [];
        const left = splitTopLevel(object.definition).map(nameOf);
        const lost = splitTopLevel(old)
            .map(nameOf)
            .filter((name) => !left.includes(name));
        const type = object.name.includes(".") ? object.name : `public.${object.name}`;
        if (lost.length === 0) return [];
        const columns = objects().filter(
            (o) => o.kind === "column" && parseColumn(o.definition).type.replace(/\[\]$/, "") === type,
        );
        if (columns.length === 0) return [];
        const names = columns
            .slice(0, 3)
            .map(({ name }) => name)
            .join(", ");
        return [`type ${object.name} loses ${lost.join(", ")}, which goes from the values in ${names}`];
    });
}

/** `street text` → street */
function nameOf(attribute: string): string {
    return /^"(?:[^"]|"")*"|^\S+/.exec(attribute)?.[0] ?? attribute;
}
