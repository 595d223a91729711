import type { Client } from "pg";
import { firstNormal } from "./catalog-query";

/** A catalog, and which of its rows count: those that `readCatalog` may read. */
interface Stamped {
    readonly catalog: string;
    /** Column with the OID of a relation; counted where that is no temporary relation and none of initdb's. */
    readonly relation?: string;
    /** Column with the OID of a relation, or 0; counted where that is no temporary relation. */
    readonly owner?: string;
    /** Column with the OID of a schema: of initdb's objects, only those in the user's schemas are counted. */
    readonly schema?: string;
    /** A condition that leaves out what belongs to sessions, or what is not read. */
    readonly where?: string;
    /** Whether few databases have anything in it, and not every version of PostgreSQL has it. */
    readonly rare?: boolean;
}

const stamped: readonly Stamped[] = [
    { catalog: "pg_namespace", where: "nspname !~ '^pg_(temp|toast)'" },
    { catalog: "pg_class", relation: "oid", where: "relkind <> 't'" },
    { catalog: "pg_attribute", relation: "attrelid", where: "attnum > 0" },
    { catalog: "pg_attrdef", relation: "adrelid" },
    { catalog: "pg_constraint", schema: "connamespace", owner: "conrelid" },
    { catalog: "pg_index", relation: "indrelid" },
    { catalog: "pg_inherits", relation: "inhrelid", rare: true },
    { catalog: "pg_partitioned_table", relation: "partrelid", rare: true },
    { catalog: "pg_sequence", relation: "seqrelid" },
    { catalog: "pg_trigger", relation: "tgrelid" },
    { catalog: "pg_policy", relation: "polrelid", rare: true },
    { catalog: "pg_rewrite", relation: "ev_class" },
    { catalog: "pg_foreign_table", relation: "ftrelid", rare: true },
    { catalog: "pg_statistic_ext", relation: "stxrelid", rare: true },
    { catalog: "pg_publication_rel", relation: "prrelid", rare: true },
    { catalog: "pg_type", where: "typnamespace IN (SELECT oid FROM schemas)" },
    { catalog: "pg_proc", schema: "pronamespace" },
    { catalog: "pg_aggregate" },
    { catalog: "pg_enum", rare: true },
    { catalog: "pg_range" },
    { catalog: "pg_extension" },
    { catalog: "pg_event_trigger", rare: true },
    { catalog: "pg_publication", rare: true },
    { catalog: "pg_publication_namespace", rare: true },
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
    { catalog: "pg_foreign_data_wrapper", rare: true },
    { catalog: "pg_foreign_server", rare: true },
    { catalog: "pg_language" },
    { catalog: "pg_default_acl", rare: true },
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

/** What a stamp is made of besides the rows of catalogs, and what makes counting those cheaper. */
export interface StampBasis {
    /** Of `names`, as a number. */
    readonly names: string;
    /** Rare catalogs with something in them: each that need not be looked at saves a hundredth of a stamp. */
    readonly filled: readonly string[];
    /** OIDs of all sessions' temporary relations. */
    readonly temporary: readonly string[];
}

/**
 * Asks for a stamp's basis, which may well be done some questions before the stamp itself, but in the same transaction: what has no file is
 * empty for each snapshot that is older.
 */
export async function readStampBasis(client: Client): Promise<StampBasis> {
    const rare = stamped.filter((s) => s.rare === true).map(({ catalog }) => catalog);
    const { rows } = await client.query<StampBasis>(
        `SELECT (SELECT sum(hashtextextended(name, id)) FROM (${names}) AS named)::text AS names,
                ARRAY(SELECT relname::text FROM pg_catalog.pg_class WHERE relnamespace = 'pg_catalog'::pg_catalog.regnamespace
                    AND relname = ANY ('{${rare.join(",")}}') AND pg_catalog.pg_relation_size(oid) > 0) AS filled,
                ARRAY(SELECT oid::text FROM pg_catalog.pg_class WHERE relpersistence = 't'
                    AND EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname ~ '^pg_temp_')) AS temporary`,
    );
    return rows[0] ?? { names: "", filled: rare, temporary: [] };
}

/**
 * A number for the state of all of a database's catalogs that `readCatalog` reads: how many rows there are, which transactions wrote
 * them, and names of other objects that they mention. Two equal ones mean that nothing was changed in between: what a later transaction
 * has written carries its number, which no row had before, and one that only deletes leaves fewer rows. Two different ones mean little (a
 * TRUNCATE or a REFRESH of a materialized view is enough): then the catalogs themselves must be compared. Cheap: some 30 ms for a thousand
 * tables in a new session.
 * @param client in a REPEATABLE READ transaction that writes nothing; in another, a change at the same moment may be missed
 * @param asked the basis, where it was asked for earlier in this transaction
 */
export async function readCatalogStamp(client: Client, asked = readStampBasis(client)): Promise<string> {
    const basis = await asked;
    const notTemporary = (relation: string): string[] =>
        // By a look-up once for all: one for each row would take half the time.
        basis.temporary.length === 0
            ? []
            : [`${relation} NOT IN (SELECT unnest('{${basis.temporary.join(",")}}'::oid[]))`];
    const counted = stamped
        .filter(({ catalog, rare }) => rare !== true || basis.filled.includes(catalog))
        .map(({ catalog, relation, owner, schema, where }) => {
            const conditions = [
                ...(where === undefined ? [] : [where]),
                ...(schema === undefined ? [] : [`(oid >= ${firstNormal} OR ${schema} IN (SELECT oid FROM schemas))`]),
                ...(relation === undefined ? [] : [`${relation} >= ${firstNormal}`, ...notTemporary(relation)]),
                ...(owner === undefined ? [] : notTemporary(owner)),
            ];
            return `SELECT xmin AS writer FROM pg_catalog.${catalog}${conditions.length === 0 ? "" : ` WHERE ${conditions.join(" AND ")}`}`;
        });
    // Grouped before anything is reckoned, since xmin can only be read by way of its text.
    const { rows } = await client.query<{ rows: string; writers: string }>(
        `WITH schemas AS MATERIALIZED (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname !~ '^pg_(temp|toast)' AND nspname NOT IN ('pg_catalog', 'information_schema'))
         SELECT sum(n)::text AS rows, sum(hashint8extended(writer::text::bigint, n))::text AS writers
           FROM (SELECT writer, count(*) AS n FROM (${counted.join(" UNION ALL ")}) AS counted GROUP BY writer) AS writers`,
    );
    return [rows[0]?.rows, rows[0]?.writers, basis.names].join(" ");
}
