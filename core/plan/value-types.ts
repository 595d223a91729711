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

/** Whether every value keeps its meaning when a column changes its type without an expression of the script's own. */
export function keepsValues(from: string, to: string): boolean {
    if (from === to) return true;
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
