import type { Client } from "pg";

const integers = ["smallint", "integer", "bigint", "numeric"];
/** Types whose text says all that the value says. */
const printable = [
    ...integers,
    "boolean",
    "uuid",
    "date",
    "inet",
    "cidr",
    "macaddr",
    "real",
    "double precision",
    "json",
    "jsonb",
    "name",
];

/** Casts by functions that are not the server's own, as catalogs name casts: `(integer AS text)`. @throws pg's DatabaseError */
export async function readCasts(client: Client): Promise<string[]> {
    const { rows } = await client.query<{ name: string }>(
        `SELECT pg_catalog.format('(%s AS %s)', castsource::regtype, casttarget::regtype) AS name
           FROM pg_catalog.pg_cast WHERE oid >= 16384 AND castfunc <> 0`,
    );
    return rows.map(({ name }) => name);
}

/**
 * Whether every value keeps its meaning when a column changes its type without an expression of the script's own.
 * @param casts by functions that nobody knows
 */
export function keepsValues(from: string, to: string, casts: ReadonlySet<string>): boolean {
    if (from === to) return true;
    if (casts.has(`(${withoutModifier(from)} AS ${withoutModifier(to)})`)) return false;
    if (integers.includes(from) && integers.includes(to)) return integers.indexOf(to) >= integers.indexOf(from);
    if (from === "real" && to === "double precision") return true;
    if (from === "date" && to === "timestamp without time zone") return true;
    if (from === "cidr" && to === "inet") return true;
    // Not the other way: jsonb forgets order and duplicate keys.
    if (from === "jsonb" && to === "json") return true;
    const varchar = /^character varying(?:\((\d+)\))?$/;
    const a = varchar.exec(from);
    const b = varchar.exec(to);
    const isUnlimited = to === "text" || (b !== null && b[1] === undefined);
    if (isUnlimited) return from === "text" || a !== null || printable.includes(from);
    return a?.[1] !== undefined && b?.[1] !== undefined && Number(b[1]) >= Number(a[1]);
}

/** `character varying(40)` → character varying */
function withoutModifier(type: string): string {
    return type.replace(/\([\d, -]+\)/, "");
}
