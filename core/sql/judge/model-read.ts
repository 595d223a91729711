import type { Client } from "pg";
import { readCatalog, serverMajor } from "../catalog";
import { Dependencies } from "./dependencies";
import { Model } from "./model";
import type { SessionSettings } from "../observation";
import { SearchPath } from "./search-path";
import { loadParser } from "../parser";

/** FirstNormalObjectId in PostgreSQL's access/transam.h: below are the objects of initdb. */
const firstNormal = 16_384;

/**
 * Reads what statements are tried on. Needs no more than CONNECT, and works in a READ ONLY transaction.
 * @throws pg's DatabaseError
 */
export async function readModel(client: Client, settings: SessionSettings): Promise<Model> {
    await loadParser();
    const catalog = await readCatalog(client);
    const text = [
        "SELECT oid::int8::text, nspname FROM pg_catalog.pg_namespace",
        `SELECT oid::int8::text, relname FROM pg_catalog.pg_class
            WHERE oid < ${firstNormal} AND relkind = 'r' AND relnamespace = 'pg_catalog'::pg_catalog.regnamespace`,
        `SELECT classid::int8::text, objid::int8::text, objsubid::text, refclassid::int8::text, refobjid::int8::text, refobjsubid::text, deptype::text
            FROM pg_catalog.pg_depend WHERE objid >= ${firstNormal} OR refobjid >= ${firstNormal}
            OR refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass`,
        `SELECT t.typname, n.nspname FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
            WHERE t.typcategory <> 'A' AND t.typrelid = 0 AND n.nspname !~ '^pg_toast'`,
        "SELECT DISTINCT proname FROM pg_catalog.pg_proc WHERE provolatile = 'v'",
        `SELECT 'pg_class/' || c.oid || '/0', a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod)
            FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
            WHERE c.relkind IN ('v', 'm') AND c.oid >= ${firstNormal} AND a.attnum > 0 ORDER BY c.oid, a.attnum`,
    ].join(";\n");
    const answers = (await client.query({ text, rowMode: "array" })) as unknown as { rows: string[][] }[];
    const rows = (index: number): string[][] => answers[index]?.rows ?? [];
    const schemas = new Map(rows(0).map(([oid = "", name = ""]) => [oid, name]));
    const catalogs = new Map(rows(1).map(([oid = "", name = ""]) => [oid, name]));
    const dependencies = new Dependencies();
    for (const [
        classid = "",
        objid = "",
        subid = "0",
        refclassid = "",
        refobjid = "",
        onSubid = "0",
        type = "n",
    ] of rows(2))
        dependencies.insert({
            object: `${catalogs.get(classid) ?? classid}/${objid}`,
            subid,
            on: `${catalogs.get(refclassid) ?? refclassid}/${refobjid}`,
            onSubid,
            type,
        });
    const types = new Map<string, string[]>();
    for (const [name = "", schema = ""] of rows(3)) types.set(name, [...(types.get(name) ?? []), schema]);
    const volatile = new Set(rows(4).map(([name = ""]) => name));
    const viewColumns = new Map<string, { name: string; type: string }[]>();
    for (const [id = "", name = "", type = ""] of rows(5))
        viewColumns.set(id, [...(viewColumns.get(id) ?? []), { name, type }]);
    const path = await SearchPath.read(client, settings);
    return new Model(
        catalog,
        dependencies,
        { schemas, types, volatile, viewColumns, major: await serverMajor(client) },
        path,
    );
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
