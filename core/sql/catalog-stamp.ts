import type { Client } from "pg";
import { firstNormal } from "./catalog-query";
import { serverMajor } from "./server-major";

/** A catalog, and which of its rows count: those that `readCatalog` may read. */
interface Stamped {
    readonly catalog: string;
    /** Column with the OID of a relation; counted where that is no temporary relation and none of initdb's. */
    readonly relation?: string;
    /** Column with the OID of a schema: of initdb's objects, only those in the user's schemas are counted. */
    readonly schema?: string;
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
    { catalog: "pg_constraint", schema: "connamespace", where: "conrelid NOT IN (SELECT oid FROM temporary)" },
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
    { catalog: "pg_type", where: "typnamespace IN (SELECT oid FROM schemas)" },
    { catalog: "pg_proc", schema: "pronamespace" },
    { catalog: "pg_aggregate" },
    { catalog: "pg_enum" },
    { catalog: "pg_range" },
    { catalog: "pg_extension" },
    { catalog: "pg_event_trigger" },
    { catalog: "pg_publication" },
    { catalog: "pg_publication_namespace", since: 15 },
    { catalog: "pg_collation", schema: "collnamespace" },
    { catalog: "pg_operator", schema: "oprnamespace" },
    { catalog: "pg_opclass", schema: "opcnamespace" },
    { catalog: "pg_opfamily", schema: "opfnamespace" },
    { catalog: "pg_amop" },
    { catalog: "pg_amproc" },
    { catalog: "pg_cast", where: `oid >= ${firstNormal}` },
    { catalog: "pg_ts_config", schema: "cfgnamespace" },
    { catalog: "pg_ts_config_map" },
    { catalog: "pg_ts_dict", schema: "dictnamespace" },
    { catalog: "pg_ts_parser", schema: "prsnamespace" },
    { catalog: "pg_ts_template", schema: "tmplnamespace" },
    { catalog: "pg_foreign_data_wrapper" },
    { catalog: "pg_foreign_server" },
    { catalog: "pg_language" },
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
 * Names that a catalog shows and that stand in no catalog of the database itself: of roles with privileges, policies or default
 * privileges here (a role of initdb is not recorded as such, so its superuser always counts), and of tablespaces.
 */
const names = `
    SELECT rolname::text AS name, oid::bigint AS id FROM pg_catalog.pg_roles
     WHERE oid = 10 OR oid IN (SELECT refobjid FROM pg_catalog.pg_shdepend
         WHERE dbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
           AND refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass
           AND (deptype <> 'o' OR classid = 'pg_catalog.pg_default_acl'::pg_catalog.regclass))
    UNION ALL SELECT spcname::text, oid::bigint FROM pg_catalog.pg_tablespace WHERE oid >= ${firstNormal}`;

/**
 * A number for the state of all of a database's catalogs that `readCatalog` reads: how many rows there are, which transactions wrote
 * them, and names of other objects that they mention. Two equal ones mean that nothing was changed in between: what a later transaction has written carries its number, which no row
 * had before, and one that only deletes leaves fewer rows. Two different ones mean little (a TRUNCATE or a REFRESH of a materialized view
 * is enough): then the catalogs themselves must be compared. Cheap: some 30 ms for a thousand tables in a new session.
 *
 * It is not to be read in a transaction that has changed a catalog itself, and may go on to.
 */
export async function readCatalogStamp(client: Client): Promise<string> {
    const major = await serverMajor(client);
    const rows = stamped
        .filter(({ since }) => since === undefined || major >= since)
        .map(({ catalog, relation, schema, where }) => {
            const conditions = [
                ...(where === undefined ? [] : [where]),
                ...(schema === undefined ? [] : [`(oid >= ${firstNormal} OR ${schema} IN (SELECT oid FROM schemas))`]),
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
         SELECT concat(sum(n), ' ', sum(hashint8extended(writer::text::bigint, n)), ' ', (SELECT sum(hashtextextended(name, id)) FROM (${names}) AS named)) AS stamp
           FROM (SELECT writer, count(*) AS n FROM (${rows.join(" UNION ALL ")}) AS counted GROUP BY writer) AS writers`,
    );
    return found[0]?.stamp ?? "";
}
