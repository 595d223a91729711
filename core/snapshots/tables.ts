import { BadInputError } from "../errors";
import type { Manifest } from "./manifest";

/** Tables of one schema, by their exact names. */
export interface TablesOfSchema {
    readonly schema: string;
    readonly names: readonly string[];
}

/**
 * Finds tables in a manifest by their exact names. Of a partitioned table it knows the partitions, which hold the rows.
 * @param wanted names, or where no schema is given also `SCHEMA.NAME`
 * @throws BadInputError naming what is near, when there is none, when it is not clear of which schema, or when they are of several
 */
export function findTables(
    { tables }: Pick<Manifest, "tables">,
    wanted: readonly string[],
    schema?: string,
): TablesOfSchema {
    const found = wanted.map((name) => {
        const named = tables.filter((t) => t.name === name && (schema === undefined || t.schema === schema));
        const matches =
            named.length > 0 || schema !== undefined ? named : tables.filter((t) => `${t.schema}.${t.name}` === name);
        const [match, ...more] = matches;
        if (match === undefined) throw unknown(tables, name, schema);
        if (more.length > 0)
            throw new BadInputError({
                what: `Which ${name}? There is one in each of ${matches.map((t) => t.schema).join(", ")}.`,
                state: "Nothing was written.",
                next: "Say which with --schema.",
            });
        return match;
    });
    const schemas = [...new Set(found.map((t) => t.schema))];
    const [only, ...others] = schemas;
    if (only === undefined || others.length > 0)
        throw new BadInputError({
            what: only === undefined ? "Which table?" : `These tables are of several schemas: ${schemas.join(", ")}.`,
            state: "Nothing was written.",
            next: "Extract the tables of one schema at a time.",
        });
    return { schema: only, names: [...new Set(found.map((t) => t.name))] };
}

function unknown(tables: Manifest["tables"], name: string, schema: string | undefined): BadInputError {
    const asked = (schema === undefined ? name : `${schema}.${name}`).toLowerCase();
    const near = tables
        .map((t) => ({ t, far: Math.min(distance(asked, t.name), distance(asked, `${t.schema}.${t.name}`)) }))
        .sort((a, b) => a.far - b.far)
        .slice(0, 5)
        .map(({ t }) => `there is: ${t.schema}.${t.name}`);
    return new BadInputError({
        what: `The snapshot has no table ${schema === undefined ? "" : `${schema}.`}${name}.`,
        detail: near,
        state: "Nothing was written.",
        next:
            near.length === 0
                ? "It holds no table at all."
                : "Name it exactly, small and capital letters as they are; of a partitioned table name the partitions.",
    });
}

/** How many letters differ (Levenshtein), less where one holds the other. @param asked in small letters */
function distance(asked: string, there: string): number {
    const other = there.toLowerCase();
    if (other.includes(asked) || asked.includes(other)) return Math.abs(other.length - asked.length) / 100;
    let row = Array.from({ length: other.length + 1 }, (_, i) => i);
    for (const [i, letter] of [...asked].entries()) {
        const next = [i + 1];
        for (let j = 0; j < other.length; j += 1)
            next.push(
                Math.min((row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1, (row[j] ?? 0) + (other[j] === letter ? 0 : 1)),
            );
        row = next;
    }
    return row.at(-1) ?? 0;
}
