import type { Node } from "libpg-query";
import { as, strings } from "./nodes";
import { parser } from "./parser";

/** The names of before: the same few come again and again, and the scanner is slow to call. */
const quotedNames = new Map<string, string>();
const mostQuotedNames = 1_000;

/** A name as the server's quote_ident writes it. Needs the parser loaded. */
export function quoteIdentifier(name: string): string {
    const known = quotedNames.get(name);
    if (known !== undefined) return known;
    // Only unreserved keywords (kind 1 of the scanner) and no keywords (0) stand without quotes.
    const isPlain = /^[a-z_][a-z0-9_$]*$/.test(name) && (parser().scanSync(name).tokens[0]?.keywordKind ?? 0) <= 1;
    const quoted = isPlain ? name : `"${name.replaceAll('"', '""')}"`;
    if (quotedNames.size < mostQuotedNames) quotedNames.set(name, quoted);
    return quoted;
}

/** Each identifier in a text as the catalog writes it, quoted or not. */
export const identifierPattern = /"(?:[^"]|"")*"|[\p{L}_][\p{L}\p{N}_$]*/gu;

/** The name behind quote_ident's spelling. */
export function unquote(name: string): string {
    return name.startsWith('"') && name.endsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name;
}

/** A name without the arguments of a function: `add(integer)` → add. */
export function bareName(localName: string): string {
    if (!localName.startsWith('"')) {
        const open = localName.indexOf("(");
        return open < 0 ? localName : localName.slice(0, open);
    }
    return unquote(/^"(?:[^"]|"")*"/.exec(localName)?.[0] ?? localName);
}

/** A relation as the grammar gives it. */
export interface RangeVar {
    readonly catalogname?: string;
    readonly schemaname?: string;
    readonly relname?: string;
    /** Absent for ONLY. */
    readonly inh?: boolean;
    readonly relpersistence?: string;
    readonly alias?: { readonly aliasname?: string };
}

/** A name with its schema, if one was written. */
export interface WrittenName {
    readonly schema?: string;
    readonly name: string;
}

export function writtenName(parts: readonly string[]): WrittenName {
    const name = parts.at(-1) ?? "";
    const schema = parts.at(-2);
    return schema === undefined ? { name } : { schema, name };
}

export function nameOf(relation: RangeVar | undefined): WrittenName {
    const name = relation?.relname ?? "";
    return relation?.schemaname === undefined ? { name } : { schema: relation.schemaname, name };
}

/** A name as it is written in SQL. */
export function shown({ schema, name }: WrittenName): string {
    return schema === undefined ? quoteIdentifier(name) : `${quoteIdentifier(schema)}.${quoteIdentifier(name)}`;
}

/** NAMEDATALEN - 1: bytes that a name may have. */
const maxBytes = 63;

/** `table_column_fkey`, cut to what a name may have; source: makeObjectName in PostgreSQL's indexcmds.c. */
export function makeObjectName(name1: string, name2: string, label: string): string {
    const overhead = (name2 === "" ? 0 : 1) + (label === "" ? 0 : Buffer.byteLength(label) + 1);
    const available = maxBytes - overhead;
    let length1 = Buffer.byteLength(name1);
    let length2 = Buffer.byteLength(name2);
    while (length1 + length2 > available) {
        if (length1 > length2) length1--;
        else length2--;
    }
    return [
        clip(name1, length1),
        ...(name2 === "" ? [] : [clip(name2, length2)]),
        ...(label === "" ? [] : [label]),
    ].join("_");
}

/** What the server makes of a name that is too long. */
export function truncateName(name: string): string {
    return clip(name, maxBytes);
}

/** The longest beginning of at most so many bytes of UTF-8. */
function clip(text: string, bytes: number): string {
    let result = "";
    let used = 0;
    for (const character of text) {
        used += Buffer.byteLength(character);
        if (used > bytes) break;
        result += character;
    }
    return result;
}

export interface TypeName {
    readonly names?: Node[];
    readonly typmods?: Node[];
    readonly arrayBounds?: Node[];
    readonly setof?: boolean;
    readonly pct_type?: boolean;
}

/** Names of the grammar's types as format_type writes them; source: SystemTypeName in gram.y and format_type.c. */
const spelled: Readonly<Record<string, string>> = {
    int2: "smallint",
    int4: "integer",
    int8: "bigint",
    float4: "real",
    float8: "double precision",
    bool: "boolean",
    varchar: "character varying",
    bpchar: "character",
    timestamptz: "timestamp with time zone",
    timestamp: "timestamp without time zone",
    timetz: "time with time zone",
    time: "time without time zone",
    varbit: "bit varying",
    char: '"char"',
    serial: "integer",
    serial4: "integer",
    bigserial: "bigint",
    serial8: "bigint",
    smallserial: "smallint",
    serial2: "smallint",
};

/** How a type's own name is spelled where its parts are looked up: a user's with its schema. Undefined: PostgreSQL's own. */
export type TypeResolver = (name: WrittenName) => string | undefined;

/** A type as format_type writes it with an empty search_path. `modifiers`: with length or precision. */
export function typeText(type: TypeName | undefined, modifiers: boolean, resolve: TypeResolver): string {
    const parts = strings(type?.names);
    const base = parts.at(-1) ?? "";
    const ours = parts[0] === "pg_catalog" ? undefined : resolve(writtenName(parts));
    const mods = modifiers ? (type?.typmods ?? []).flatMap(modifier) : [];
    const dimensions = (type?.arrayBounds ?? []).length > 0 ? "[]" : "";
    if (ours !== undefined) return ours + (mods.length > 0 ? `(${mods.join(",")})` : "") + dimensions;
    return builtinText(base, mods) + dimensions;
}

function modifier(node: Node): string[] {
    const constant = as<{ ival?: { ival?: number }; sval?: { sval?: string }; fval?: { fval?: string } }>(
        node,
        "A_Const",
    );
    // The grammar leaves a zero out.
    if (constant?.ival !== undefined) return [String(constant.ival.ival ?? 0)];
    const text =
        constant?.sval?.sval ?? constant?.fval?.fval ?? strings(as<{ fields?: Node[] }>(node, "ColumnRef")?.fields)[0];
    if (text !== undefined) return [text];
    const negative = as<{ rexpr?: Node }>(node, "A_Expr")?.rexpr;
    return negative === undefined ? [] : modifier(negative).map((value) => `-${value}`);
}

function builtinText(base: string, mods: readonly string[]): string {
    // Some of PostgreSQL's own types have names that are keywords; format_type writes them without quotes.
    const name = spelled[base] ?? (/^[a-z_][a-z0-9_]*$/.test(base) ? base : quoteIdentifier(base));
    if (mods.length === 0) return base === "bpchar" ? "bpchar" : name;
    switch (base) {
        case "numeric":
            return `numeric(${mods[0] ?? ""},${mods[1] ?? "0"})`;
        case "interval":
            return intervalText(Number(mods[0]), mods[1]);
        case "timestamp":
        case "timestamptz":
        case "time":
        case "timetz": {
            const [first = name, rest = ""] = name.split(/(?= with)/);
            return `${first}(${mods.join(",")})${rest}`;
        }
        default:
            return `${name}(${mods.join(",")})`;
    }
}

/** Bits of an interval's fields; source: INTERVAL_MASK in timestamp.h. */
const intervalFields: Readonly<Record<number, string>> = {
    4: " year",
    2: " month",
    8: " day",
    1024: " hour",
    2048: " minute",
    4096: " second",
    6: " year to month",
    1032: " day to hour",
    3080: " day to minute",
    7176: " day to second",
    3072: " hour to minute",
    7168: " hour to second",
    6144: " minute to second",
};

function intervalText(fields: number, precision: string | undefined): string {
    return `interval${intervalFields[fields] ?? ""}${precision === undefined ? "" : `(${precision})`}`;
}

export function isSerial(type: TypeName | undefined): boolean {
    const parts = strings(type?.names);
    return parts.length === 1 && /^(?:(?:big|small)?serial|serial[248])$/.test(parts[0] ?? "");
}

/** `numeric(10,2), text` → two. */
export function splitTopLevel(list: string): string[] {
    const parts: string[] = [];
    let depth = 0;
    let quote = "";
    let current = "";
    for (const character of list) {
        if (quote !== "") {
            if (character === quote) quote = "";
        } else if (character === '"' || character === "'") quote = character;
        else if (character === "(" || character === "[") depth++;
        else if (character === ")" || character === "]") depth--;
        if (character === "," && depth === 0 && quote === "") {
            parts.push(current.trim());
            current = "";
        } else current += character;
    }
    return current.trim() === "" ? parts : [...parts, current.trim()];
}
