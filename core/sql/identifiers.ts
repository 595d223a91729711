import type { Node } from "libpg-query";
import { scanSync } from "libpg-query";
import { as, strings } from "./nodes";

/** A name as the server's quote_ident writes it. Needs the parser loaded. */
export function quoteIdentifier(name: string): string {
    // Only unreserved keywords (kind 1 of the scanner) and no keywords (0) stand without quotes.
    if (/^[a-z_][a-z0-9_$]*$/.test(name) && (scanSync(name).tokens[0]?.keywordKind ?? 0) <= 1) return name;
    return `"${name.replaceAll('"', '""')}"`;
}

/** The name behind quote_ident's spelling. */
export function unquote(name: string): string {
    return name.startsWith('"') && name.endsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name;
}

/** A relation as the grammar gives it. */
export interface RangeVar {
    readonly schemaname?: string;
    readonly relname?: string;
    /** Absent for ONLY. */
    readonly inh?: boolean;
    readonly relpersistence?: string;
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

export interface TypeName {
    readonly names?: Node[];
    readonly typmods?: Node[];
    readonly arrayBounds?: Node[];
}

/** Names of the grammar's types as format_type writes them; source: SystemTypeName in gram.y and format_type.c. */
const spelled: Readonly<Record<string, string>> = {
    int2: "smallint",
    int4: "integer",
    int: "integer",
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
    serial: "integer",
    serial4: "integer",
    bigserial: "bigint",
    serial8: "bigint",
    smallserial: "smallint",
    serial2: "smallint",
};

/** A type as format_type writes it, user types with the schema that was written. `modifiers`: with length or precision. */
export function typeText(type: TypeName | undefined, modifiers: boolean): string {
    const parts = strings(type?.names);
    const base = parts.at(-1) ?? "";
    const schema = parts.length > 1 && parts[0] !== "pg_catalog" ? `${quoteIdentifier(parts[0] ?? "")}.` : "";
    const name = schema === "" ? (spelled[base] ?? quoteIdentifier(base)) : schema + quoteIdentifier(base);
    const mods = (type?.typmods ?? []).flatMap((m) => as<{ ival?: { ival?: number } }>(m, "A_Const")?.ival?.ival ?? []);
    const withMods = modifiers && mods.length > 0 ? insertModifiers(name, mods.join(",")) : name;
    return (type?.arrayBounds ?? []).length > 0 ? `${withMods}[]` : withMods;
}

/** `timestamp with time zone` takes its precision after the first word. */
function insertModifiers(name: string, mods: string): string {
    const [, first = name, rest = ""] = /^(timestamp|time)( with.*)$/.exec(name) ?? [];
    return `${first}(${mods})${rest}`;
}

export function isSerial(type: TypeName | undefined): boolean {
    return /^(?:big|small)?serial[248]?$/.test(strings(type?.names).at(-1) ?? "");
}
