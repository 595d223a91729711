import type { Client } from "pg";
import { firstNormal } from "./catalog-query";
import { serverMajor } from "./server-major";

/** A catalog, and which of its rows count: those that `readCatalog` may read. */
interface Stamped {
    readonly catalog: string;
    /** Column with the OID of a relation; counted where that is no temporary relation and none of initdb's. */
    readonly relation?: string;
    /** Column with an OID; counted where that is none of initdb's objects. */
    readonly made?: string;
    /** A condition that leaves out what belongs to sessions, or what is not read. */
    readonly where?: string;
    /** First major version that has it. */
    readonly since?: number;
}

const stamped: readonly Stamped[] = [
    { catalog: "pg_namespace", where: "nspname !~ '^pg_(temp|toast)'" },
    { catalog: "pg_class", relation: "oid", where: "relkind <> 't'" },
    { catalog: "pg_attribute", relation: "attrelid", where: "attnum > 0" },
    { catalog: "pg_attrdef", relation: "adrelid" },
    { catalog: "pg_constraint", made: "oid", where: "conrelid NOT IN (SELECT oid FROM temporary)" },
    { catalog: "pg_index", relation: "indrelid" },
    { catalog: "pg_inherits", relation: "inhrelid" },
    { catalog: "pg_partitioned_table", relation: "partrelid" },
    { catalog: "pg_sequence", relation: "seqrelid" },
    { catalog: "pg_trigger", relation: "tgrelid" },
    { catalog: "pg_policy", relation: "polrelid" },
    { catalog: "pg_rewrite", relation: "ev_class" },
    { catalog: "pg_foreign_table", relation: "ftrelid" },
    { catalog: "pg_statistic_ext", relation: "stxrelid" },
    { catalog: "pg_publication_rel", relation: "prrelid" },
    { catalog: "pg_type", made: "oid", where: "typnamespace IN (SELECT oid FROM schemas)" },
    { catalog: "pg_proc", made: "oid" },
    { catalog: "pg_aggregate", made: "aggfnoid" },
    { catalog: "pg_enum", made: "oid" },
    { catalog: "pg_range", made: "rngtypid" },
    { catalog: "pg_extension" },
    { catalog: "pg_event_trigger" },
    { catalog: "pg_publication" },
    { catalog: "pg_publication_namespace", since: 15 },
    { catalog: "pg_collation", made: "oid" },
    { catalog: "pg_operator", made: "oid" },
    { catalog: "pg_opclass", made: "oid" },
    { catalog: "pg_opfamily", made: "oid" },
    { catalog: "pg_amop", made: "oid" },
    { catalog: "pg_amproc", made: "oid" },
    { catalog: "pg_cast", made: "oid" },
    { catalog: "pg_ts_config", made: "oid" },
    { catalog: "pg_ts_config_map", made: "mapcfg" },
    { catalog: "pg_ts_dict", made: "oid" },
    { catalog: "pg_foreign_data_wrapper" },
    { catalog: "pg_foreign_server" },
    { catalog: "pg_language", made: "oid" },
    { catalog: "pg_default_acl" },
    // Members of extensions are left out of a catalog, and only this tells which they are.
    {
        catalog: "pg_depend",
        where: "refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND deptype = 'e'",
    },
    {
        catalog: "pg_description",
        where: `(objoid >= ${firstNormal} OR classoid = 'pg_catalog.pg_namespace'::pg_catalog.regclass)`,
    },
];

/**
 * A number for the state of all of a database's catalogs that `readCatalog` reads: how many rows there are, and which transactions wrote
 * them. Two equal ones mean that nothing was changed in between: what a later transaction has written carries its number, which no row
 * had before, and one that only deletes leaves fewer rows. Two different ones mean little (a TRUNCATE or a REFRESH of a materialized view
 * is enough): then the catalogs themselves must be compared. Cheap: some 10 ms for a thousand tables.
 *
 * It is not to be read in a transaction that has changed a catalog itself, and may go on to.
 */
export async function readCatalogStamp(client: Client): Promise<string> {
    const major = await serverMajor(client);
    const rows = stamped
        .filter(({ since }) => since === undefined || major >= since)
        .map(({ catalog, relation, made, where }) => {
            const conditions = [
                ...(where === undefined ? [] : [where]),
                ...(made === undefined ? [] : [`${made} >= ${firstNormal}`]),
                // Few are temporary, so that this look-up is cheap, while one for each that counts would take half the time.
                ...(relation === undefined
                    ? []
                    : [`${relation} >= ${firstNormal} AND ${relation} NOT IN (SELECT oid FROM temporary)`]),
            ];
            return `SELECT xmin AS writer FROM pg_catalog.${catalog}${conditions.length === 0 ? "" : ` WHERE ${conditions.join(" AND ")}`}`;
        });
    // Grouped before anything is reckoned, since xmin can only be read by way of its text.
    const { rows: found } = await client.query<{ stamp: string }>(
        `WITH schemas AS MATERIALIZED (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname !~ '^pg_(temp|toast)' AND nspname NOT IN ('pg_catalog', 'information_schema')),
              temporary AS MATERIALIZED (SELECT oid FROM pg_catalog.pg_class WHERE relpersistence = 't')
         SELECT concat(sum(n), ' ', sum(hashint8extended(writer::text::bigint, n))) AS stamp
           FROM (SELECT writer, count(*) AS n FROM (${rows.join(" UNION ALL ")}) AS counted GROUP BY writer) AS writers`,
    );
    return found[0]?.stamp ?? "";
}
