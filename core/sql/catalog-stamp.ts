import type { Client } from "pg";
import { firstNormal } from "./catalog-query";
import { serverMajor } from "./server-major";

/** Catalogs by their column of identity; those with `relation` are counted only where that is no temporary relation and none of the system's. */
interface Stamped {
    readonly catalog: string;
    readonly id: string;
    readonly relation?: string;
    /** A condition that leaves out what belongs to sessions. */
    readonly where?: string;
    /** First major version that has it. */
    readonly since?: number;
}

const stamped: readonly Stamped[] = [
    { catalog: "pg_namespace", id: "oid", where: "nspname !~ '^pg_(temp|toast)'" },
    { catalog: "pg_class", id: "oid", relation: "oid", where: "relkind <> 't'" },
    { catalog: "pg_attribute", id: "attrelid::bigint * 2048 + attnum", relation: "attrelid", where: "attnum > 0" },
    { catalog: "pg_attrdef", id: "oid", relation: "adrelid" },
    { catalog: "pg_constraint", id: "oid", where: "conrelid NOT IN (SELECT oid FROM temporary)" },
    { catalog: "pg_index", id: "indexrelid", relation: "indrelid" },
    { catalog: "pg_inherits", id: "inhrelid", relation: "inhrelid" },
    { catalog: "pg_partitioned_table", id: "partrelid", relation: "partrelid" },
    { catalog: "pg_sequence", id: "seqrelid", relation: "seqrelid" },
    { catalog: "pg_trigger", id: "oid", relation: "tgrelid" },
    { catalog: "pg_policy", id: "oid", relation: "polrelid" },
    { catalog: "pg_rewrite", id: "oid", relation: "ev_class" },
    { catalog: "pg_foreign_table", id: "ftrelid", relation: "ftrelid" },
    { catalog: "pg_statistic_ext", id: "oid", relation: "stxrelid" },
    { catalog: "pg_publication_rel", id: "oid", relation: "prrelid" },
    { catalog: "pg_type", id: "oid", where: "typnamespace IN (SELECT oid FROM schemas)" },
    { catalog: "pg_proc", id: "oid" },
    { catalog: "pg_aggregate", id: "aggfnoid::oid" },
    { catalog: "pg_enum", id: "oid" },
    { catalog: "pg_range", id: "rngtypid" },
    { catalog: "pg_extension", id: "oid" },
    { catalog: "pg_event_trigger", id: "oid" },
    { catalog: "pg_publication", id: "oid" },
    { catalog: "pg_publication_namespace", id: "oid", since: 15 },
    { catalog: "pg_collation", id: "oid" },
    { catalog: "pg_operator", id: "oid" },
    { catalog: "pg_opclass", id: "oid" },
    { catalog: "pg_opfamily", id: "oid" },
    { catalog: "pg_amop", id: "oid" },
    { catalog: "pg_amproc", id: "oid" },
    { catalog: "pg_cast", id: "oid" },
    { catalog: "pg_ts_config", id: "oid" },
    { catalog: "pg_ts_config_map", id: "mapcfg::bigint * 65536 + maptokentype * 256 + mapseqno" },
    { catalog: "pg_ts_dict", id: "oid" },
    { catalog: "pg_foreign_data_wrapper", id: "oid" },
    { catalog: "pg_foreign_server", id: "oid" },
    { catalog: "pg_language", id: "oid" },
    { catalog: "pg_default_acl", id: "oid" },
    // Members of extensions are left out of a catalog, and only this tells which they are.
    {
        catalog: "pg_depend",
        id: "objid",
        where: "refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND deptype = 'e'",
    },
    { catalog: "pg_description", id: "objoid::bigint * 2048 + objsubid" },
];

/**
 * A number for the state of all of a database's catalogs that `readCatalog` reads: which rows there are, and which transaction wrote
 * each. Two equal ones mean that nothing was changed in between; two different ones mean little (a TRUNCATE or a REFRESH of a
 * materialized view is enough): then the catalogs themselves must be compared. Cheap: some 10 ms for a thousand tables.
 */
export async function readCatalogStamp(client: Client): Promise<string> {
    const major = await serverMajor(client);
    const parts = stamped
        .filter(({ since }) => since === undefined || major >= since)
        .map(({ catalog, id, relation, where }, index) => {
            const conditions = [
                ...(where === undefined ? [] : [where]),
                // Few are temporary, so that this look-up is cheap, while one for each that counts would take half the time.
                ...(relation === undefined
                    ? []
                    : [`${relation} >= ${firstNormal} AND ${relation} NOT IN (SELECT oid FROM temporary)`]),
            ];
            return `SELECT ${index} AS i, count(*) AS n, sum(hashint8extended((${id})::bigint, xmin::text::bigint + ${index} * 4294967296)) AS hash
                      FROM pg_catalog.${catalog}${conditions.length === 0 ? "" : ` WHERE ${conditions.join(" AND ")}`}`;
        });
    const { rows } = await client.query<{ stamp: string }>(
        `WITH schemas AS MATERIALIZED (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname !~ '^pg_(temp|toast)' AND nspname NOT IN ('pg_catalog', 'information_schema')),
              temporary AS MATERIALIZED (SELECT oid FROM pg_catalog.pg_class WHERE relpersistence = 't')
         SELECT string_agg(concat(n, ' ', hash), ',' ORDER BY i) AS stamp FROM (${parts.join(" UNION ALL ")}) AS parts`,
    );
    return rows[0]?.stamp ?? "";
}
