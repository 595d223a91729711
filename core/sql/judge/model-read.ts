import type { Client } from "pg";
import { readCatalog } from "../catalog";
import { firstNormal } from "../catalog-query";
import { serverMajor } from "../server-major";
import { Dependencies } from "./dependencies";
import { Model } from "./model";
import type { SessionSettings } from "../observation";
import { SearchPath } from "./search-path";
import { loadParser } from "../parser";
import { streamRows } from "../stream-rows";

/**
 * Reads what statements are tried on. Needs no more than CONNECT, and works in a READ ONLY transaction.
 * @param client with `pipeline`: several questions are asked at once
 * @throws pg's DatabaseError
 */
export async function readModel(client: Client, settings: SessionSettings): Promise<Model> {
    const text = [
        "SELECT oid::int8::text, nspname FROM pg_catalog.pg_namespace",
        `SELECT oid::int8::text, relname FROM pg_catalog.pg_class
            WHERE oid < ${firstNormal} AND relkind = 'r' AND relnamespace = 'pg_catalog'::pg_catalog.regnamespace`,
        // Without internal triggers (keys are checked by them): parts of their constraints that no object here needs, one row in five.
        // As one text: there are many rows, and each by itself would take ten times as long.
        `SELECT coalesce(pg_catalog.string_agg(concat(classid::int8, '/', objid, ' ', objsubid, ' ', refclassid::int8, '/', refobjid, ' ', refobjsubid, ' ', deptype), ','), '')
            FROM pg_catalog.pg_depend WHERE (objid >= ${firstNormal} OR refobjid >= ${firstNormal}
            OR refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass)
            AND NOT (classid = 'pg_catalog.pg_trigger'::pg_catalog.regclass AND objid IN (SELECT oid FROM pg_catalog.pg_trigger WHERE tgisinternal))`,
        `SELECT t.typname, n.nspname FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
            WHERE t.typcategory <> 'A' AND t.typrelid = 0 AND n.nspname !~ '^pg_toast'`,
        "SELECT DISTINCT proname FROM pg_catalog.pg_proc WHERE provolatile = 'v'",
        `SELECT 'pg_class/' || c.oid || '/0', a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod)
            FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
            WHERE c.relkind IN ('v', 'm') AND c.oid >= ${firstNormal} AND a.attnum > 0 ORDER BY c.oid, a.attnum`,
    ].join(";\n");
    const schemas = new Map<string, string>();
    const catalogs = new Map<string, string>();
    const dependencies = new Dependencies();
    const types = new Map<string, string[]>();
    const volatile = new Set<string>();
    const viewColumns = new Map<string, { name: string; type: string }[]>();
    const keys = new Map<string, string>();
    /** 1259/16384 → pg_class/16384; one text for each, which is looked up far more quickly than many that are equal. */
    const key = (numbers: string): string => {
        const known = keys.get(numbers);
        if (known !== undefined) return known;
        const slash = numbers.indexOf("/");
        const classid = numbers.slice(0, slash);
        const made = `${catalogs.get(classid) ?? classid}${numbers.slice(slash)}`;
        keys.set(numbers, made);
        return made;
    };
    const take: readonly ((...cells: string[]) => void)[] = [
        (oid = "", name = "") => schemas.set(oid, name),
        (oid = "", name = "") => catalogs.set(oid, name),
        (all = "") => {
            for (const row of all === "" ? [] : all.split(",")) {
                const [object = "", subid = "0", on = "", onSubid = "0", type = "n"] = row.split(" ");
                dependencies.insert({ object: key(object), subid, on: key(on), onSubid, type });
            }
        },
        (name = "", schema = "") => types.set(name, [...(types.get(name) ?? []), schema]),
        (name = "") => volatile.add(name),
        (id = "", name = "", type = "") => viewColumns.set(id, [...(viewColumns.get(id) ?? []), { name, type }]),
    ];
    // All is asked at once; the server need not wait until an answer has been looked at.
    const [major, catalog, , path] = await Promise.all([
        serverMajor(client),
        readCatalog(client),
        streamRows(client, text, (statement, row) => take[statement]?.(...(row as string[]))),
        SearchPath.read(client, settings),
        loadParser(),
    ]);
    return new Model(catalog, dependencies, { schemas, types, volatile, viewColumns, major }, path);
}

/** Owners of what privileges are granted on, quoted, by id. */
export async function readOwners(client: Client): Promise<Map<string, string>> {
    const sources = [
        ["pg_class", "relowner"],
        ["pg_namespace", "nspowner"],
        ["pg_proc", "proowner"],
        ["pg_type", "typowner"],
        ["pg_foreign_server", "srvowner"],
    ].map(
        ([catalog = "", owner = ""]) =>
            `SELECT '${catalog}/' || oid || '/0' AS id, pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(${owner})) AS owner
                FROM pg_catalog.${catalog} WHERE oid >= ${firstNormal} OR '${catalog}' = 'pg_namespace'`,
    );
    const { rows } = await client.query<{ id: string; owner: string }>(sources.join(" UNION ALL "));
    return new Map(rows.map(({ id, owner }) => [id, owner]));
}

/** What CREATE EXTENSION brings along: other extensions with CASCADE, and a comment. */
export async function readAvailable(client: Client, model: Model): Promise<void> {
    const { rows } = await client.query<{ name: string; requires: string[] | null; comment: string | null }>(
        `SELECT DISTINCT ON (v.name) v.name::text, v.requires::text[], v.comment FROM pg_catalog.pg_available_extension_versions v
            JOIN pg_catalog.pg_available_extensions e ON e.name = v.name AND e.default_version = v.version`,
    );
    for (const { name, requires, comment } of rows)
        model.available.set(name, { requires: requires ?? [], comment: comment ?? "" });
}
