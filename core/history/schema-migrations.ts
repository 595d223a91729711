import type { Client } from "pg";
import { escapeLiteral } from "../driver";
import { RefusedError } from "../errors";

/** PhysioFlow's history table, in whatever shape the migrations have given it so far: 026 adds `version` to it. */
export const mirrorTable = "schema_migrations";

/** The table's present shape. */
export interface MirrorShape {
    /** Quoted, schema-qualified name. */
    readonly table: string;
    /** Its schema, as the catalog has it. */
    readonly schema: string;
    /** Quoted column that holds the version, if there is one. */
    readonly versionColumn: string | undefined;
    /** What a version is cast to: its type, for all kinds of text `text`, since a cast to a shorter one would cut it silently. */
    readonly versionType: string;
    /** Whether each row has a version, so that no name is needed to find it. */
    readonly alwaysVersion: boolean;
    /** Quoted column that holds the migration's name, if there is one. */
    readonly nameColumn: string | undefined;
    /** Quoted columns whose default is the transaction's time. */
    readonly timeColumns: readonly string[];
    /** Whether another default hangs on the transaction's time, in a way that is not known. */
    readonly otherTimes: boolean;
    /** How names are written there. */
    readonly nameStyle: "027_name" | "027_name.sql" | "name";
}

/** What identifies a migration in a history table. */
export interface MirrorKey {
    readonly version: string;
    readonly name: string;
}

const textTypes = ["text", "character varying", "character"];
const transactionTime = /^(?:now\(\)|CURRENT_TIMESTAMP|transaction_timestamp\(\)|statement_timestamp\(\))$/;
const otherTime =
    /\b(?:now|CURRENT_(?:TIMESTAMP|TIME|DATE)|LOCALTIME(?:STAMP)?|transaction_timestamp|statement_timestamp|txid_current|pg_current_xact_id)\b/i;
/** Columns that hold a migration's name, by what people call them; the first that is there counts. */
export const nameColumns = ["migration_name", "filename", "file_name", "name", "migration", "script_name", "script"];

/**
 * Reads the table's shape under the session's search_path; undefined when there is no such table.
 * @throws RefusedError when the table is another tool's of the same name, or has no column to tell migrations by
 */
export async function readMirrorShape(client: Client): Promise<MirrorShape | undefined> {
    const found = await readColumns(client);
    if (found === undefined) return undefined;
    const { table, nameColumn } = found;
    if (nameColumn === undefined) return { ...found, nameStyle: "name" };
    const { rows } = await client.query<{ name: string }>(
        `SELECT ${nameColumn} AS name FROM ${table} WHERE ${nameColumn} IS NOT NULL LIMIT 1`,
    );
    return { ...found, nameStyle: nameStyle(nameColumn, rows[0]?.name) };
}

/**
 * Reads the table with its rows.
 * @param onAsked called when everything is asked for and answers are still on their way; for a client with `pipeline`
 * @returns versions as they stand: as written, or the digits that a name begins with; null where neither is there
 * @throws RefusedError as `readMirrorShape`
 */
export async function readMirror(
    client: Client,
    onAsked: () => void,
): Promise<{ readonly mirror: MirrorShape | undefined; readonly versions: readonly (string | null)[] }> {
    const found = await readColumns(client);
    if (found === undefined) {
        onAsked();
        return { mirror: undefined, versions: [] };
    }
    const { table, nameColumn, versionColumn } = found;
    // As JSON arrays: thousands of rows are read several times faster so.
    const asked = client.query<{ versions: (string | null)[] | null; names: (string | null)[] | null }>(
        `SELECT ${versionColumn === undefined ? "NULL" : `pg_catalog.json_agg(${versionColumn}::pg_catalog.text)`} AS versions,
                ${nameColumn === undefined ? "NULL" : `pg_catalog.json_agg(${nameColumn})`} AS names
           FROM ${table}`,
    );
    onAsked();
    const { versions, names } = (await asked).rows[0] ?? { versions: null, names: null };
    const sample = names?.find((name) => name !== null) ?? undefined;
    return {
        mirror: { ...found, nameStyle: nameColumn === undefined ? "name" : nameStyle(nameColumn, sample) },
        versions: (versions ?? names ?? []).map(
            (_, index) => versions?.[index] ?? /^\d+/.exec(names?.[index] ?? "")?.[0] ?? null,
        ),
    };
}

async function readColumns(client: Client): Promise<Omit<MirrorShape, "nameStyle"> | undefined> {
    const { rows } = await client.query<{
        table: string;
        schema: string;
        column: string;
        quoted: string;
        type: string;
        required: boolean;
        given: string | null;
    }>({
        text: `SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) AS table, n.nspname AS schema, a.attname AS column, pg_catalog.quote_ident(a.attname) AS quoted,
                      pg_catalog.format_type(a.atttypid, NULL) AS type, a.attnotnull AS required,
                      CASE WHEN a.attgenerated OPERATOR(pg_catalog.=) '' THEN pg_catalog.pg_get_expr(d.adbin, d.adrelid) END AS given
                 FROM pg_catalog.pg_class c
                 JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
                 JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) c.oid AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped
                 LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid OPERATOR(pg_catalog.=) a.attrelid AND d.adnum OPERATOR(pg_catalog.=) a.attnum
                WHERE c.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass($1) AND c.relkind OPERATOR(pg_catalog.=) ANY ('{r,p}')
                ORDER BY a.attnum`,
        values: [mirrorTable],
    });
    const [first] = rows;
    if (first === undefined) return undefined;
    const version = rows.find((r) => r.column === "version");
    if (version !== undefined && rows.some((r) => r.column === "dirty")) {
        throw new RefusedError({
            what: "The table schema_migrations is golang-migrate's (columns version, dirty), not one with a row per migration.",
            where: { object: first.table },
            state: "Nothing was touched.",
            next: "Set history.mirror to none if it is not in use, or keep to golang-migrate for this database.",
        });
    }
    const text = rows.filter((r) => r.type === "text" || r.type === "character varying");
    const name = nameColumns.map((n) => text.find((r) => r.column === n)).find((r) => r !== undefined);
    if (version === undefined && name === undefined) {
        throw new RefusedError({
            what: "The table schema_migrations has no column to tell migrations by.",
            where: { object: first.table },
            state: "Nothing was touched.",
            next: `It needs a column version, or one of ${nameColumns.join(", ")}; or set history.mirror to none.`,
        });
    }
    return {
        table: first.table,
        schema: first.schema,
        versionColumn: version?.quoted,
        versionType: version === undefined || textTypes.includes(version.type) ? "pg_catalog.text" : version.type,
        alwaysVersion: version?.required === true,
        nameColumn: name?.quoted,
        timeColumns: rows.filter((r) => transactionTime.test(r.given ?? "")).map((r) => r.quoted),
        otherTimes: rows.some((r) => otherTime.test(r.given ?? "") && !transactionTime.test(r.given ?? "")),
    };
}

/** @param sample a name as it stands in the column; undefined where there is none */
function nameStyle(column: string, sample: string | undefined): MirrorShape["nameStyle"] {
    if (sample === undefined) return column.includes("file") ? "027_name.sql" : "027_name";
    if (sample.endsWith(".sql")) return "027_name.sql";
    return /^\d/.test(sample) ? "027_name" : "name";
}

/**
 * SQL that adds a migration's row.
 * @param maybeThere whether the script may have written it itself, in a way that was not recognised
 * @param together whether other migrations are in the same transaction, whose rows shall still differ in their times
 */
export function mirrorApplied(shape: MirrorShape, key: MirrorKey, maybeThere: boolean, together = false): string {
    const cells: (readonly [column: string, value: string])[] = [
        ...(shape.nameColumn === undefined ? [] : [[shape.nameColumn, escapeLiteral(nameFor(shape, key))] as const]),
        ...(shape.versionColumn === undefined
            ? []
            : [[shape.versionColumn, `${escapeLiteral(key.version)}::${shape.versionType}`] as const]),
    ];
    if (together) cells.push(...shape.timeColumns.map((column) => [column, "pg_catalog.clock_timestamp()"] as const));
    const into = `INSERT INTO ${shape.table} (${cells.map(([column]) => column).join(", ")})`;
    const values = cells.map(([, value]) => value).join(", ");
    if (!maybeThere) return `${into} VALUES (${values})`;
    return `${into} SELECT ${values} WHERE NOT EXISTS (SELECT FROM ${shape.table} WHERE ${ownRow(shape, key)})`;
}

/** SQL that deletes a migration's row. */
export function mirrorUndone(shape: MirrorShape, key: MirrorKey): string {
    // By index, where there is one: a rule that looks at each row would make the way back longer with each migration.
    if (shape.versionColumn !== undefined && shape.alwaysVersion)
        return `DELETE FROM ${shape.table} WHERE ${shape.versionColumn} OPERATOR(pg_catalog.=) ANY (${escapeLiteral(`{${spellings(key.version).join(",")}}`)}::${shape.versionType}[])`;
    return `DELETE FROM ${shape.table} WHERE ${ownRow(shape, key)}`;
}

function ownRow(shape: MirrorShape, key: MirrorKey): string {
    return [
        // Leading zeros do not count: a bigint has none, and people write `25` for `025`.
        ...(shape.versionColumn === undefined
            ? []
            : [
                  `pg_catalog.ltrim(${shape.versionColumn}::pg_catalog.text, '0') OPERATOR(pg_catalog.=) ${escapeLiteral(key.version.replace(/^0+/, ""))}`,
              ]),
        ...(shape.nameColumn === undefined
            ? []
            : [`${shape.nameColumn} OPERATOR(pg_catalog.=) ${escapeLiteral(nameFor(shape, key))}`]),
    ].join(" OR ");
}

/** A version with as many leading zeros as people may have written. */
function spellings(version: string): string[] {
    const digits = version.replace(/^0+(?=\d)/, "");
    const longest = Math.max(version.length, mostDigits);
    return Array.from({ length: longest - digits.length + 1 }, (_, zeros) => "0".repeat(zeros) + digits);
}

const mostDigits = 20;

function nameFor(shape: MirrorShape, key: MirrorKey): string {
    if (shape.nameStyle === "name") return key.name;
    return `${key.version}_${key.name}${shape.nameStyle === "027_name.sql" ? ".sql" : ""}`;
}
