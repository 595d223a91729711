import { rareQueries } from "./catalog-queries-rare";
import { list, own, type CatalogQuery, whole } from "./catalog-query";

/** Schemas whose objects are the user's. */
const schemas = `ARRAY(SELECT oid FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'schemaward'))`;

/**
 * The queries that together read a schema, for one server version. To be run with an empty search_path, so that every
 * name in a definition is qualified.
 * @param major 14 to 18
 */
export function catalogQueries(major: number): readonly CatalogQuery[] {
    return [
        schemaQuery,
        relations,
        indexes,
        columns(major),
        constraints,
        functions,
        aggregates,
        triggers,
        policies,
        rules,
    ]
        .concat(types, sequences, statistics, rareQueries(major, schemas))
        .map((query) => ({ catalog: query.catalog, sql: query.sql.replace(/\s+/g, " ") }));
}

const schemaQuery: CatalogQuery = {
    catalog: "pg_namespace",
    sql: `SELECT 'schema', n.oid, 0, NULL, quote_ident(n.nspname), '', NULL, NULL, NULL
        FROM pg_namespace n WHERE n.oid = ANY (${schemas}) AND ${own("pg_namespace", "n.oid")}`,
};

const relations: CatalogQuery = {
    catalog: "pg_class",
    sql: `SELECT CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view'
            WHEN 'f' THEN CASE WHEN c.relispartition THEN 'partition' ELSE 'foreign table' END
            ELSE CASE WHEN c.relispartition THEN 'partition' ELSE 'table' END END,
        c.oid, 0, c.relnamespace, quote_ident(c.relname),
        concat_ws(' ', CASE c.relpersistence WHEN 'u' THEN 'UNLOGGED' END,
            CASE WHEN c.relispartition THEN 'PARTITION OF ' || i.parents || ' ' || pg_get_expr(c.relpartbound, c.oid)
                WHEN i.parents IS NOT NULL THEN 'INHERITS (' || i.parents || ')' END,
            CASE WHEN c.relkind = 'p' THEN 'PARTITION BY ' || pg_get_partkeydef(c.oid) END,
            CASE WHEN c.reloftype <> 0 THEN 'OF ' || c.reloftype::regtype END,
            'USING ' || nullif(a.amname, 'heap'),
            'WITH (' || ${list("c.reloptions")} || ')', 'WITH TOAST (' || ${list("t.reloptions")} || ')',
            'TABLESPACE ' || quote_ident(s.spcname),
            CASE WHEN c.relrowsecurity THEN 'ROW SECURITY' END, CASE WHEN c.relforcerowsecurity THEN 'FORCED' END,
            CASE WHEN c.relkind IN ('r', 'p') AND c.relreplident <> 'd'
                THEN 'REPLICA IDENTITY ' || CASE c.relreplident WHEN 'n' THEN 'NOTHING' WHEN 'f' THEN 'FULL' ELSE 'INDEX' END END,
            'SERVER ' || quote_ident(v.srvname) || ' OPTIONS (' || coalesce(${list("f.ftoptions")}, '') || ')',
            CASE WHEN c.relkind IN ('v', 'm') THEN 'AS' || pg_get_viewdef(c.oid) END),
        CASE WHEN c.relispartition THEN i.parent END, nullif(c.relfilenode, 0), NULL
        FROM pg_class c LEFT JOIN pg_class t ON t.oid = c.reltoastrelid LEFT JOIN pg_am a ON a.oid = c.relam
        LEFT JOIN pg_tablespace s ON s.oid = c.reltablespace
        LEFT JOIN pg_foreign_table f ON f.ftrelid = c.oid LEFT JOIN pg_foreign_server v ON v.oid = f.ftserver
        LEFT JOIN (SELECT inhrelid, string_agg(inhparent::regclass::text, ', ' ORDER BY inhseqno) AS parents,
            min(inhparent::oid) AS parent FROM pg_inherits GROUP BY inhrelid) i ON i.inhrelid = c.oid
        WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relnamespace = ANY (${schemas}) AND ${own("pg_class", "c.oid")}`,
};

/** Without those of primary keys, unique and exclusion constraints: the constraint stands for them. */
const indexes: CatalogQuery = {
    catalog: "pg_class",
    sql: `SELECT 'index', c.oid, 0, c.relnamespace, quote_ident(c.relname),
        concat_ws(' ', pg_get_indexdef(c.oid), CASE WHEN NOT x.indisvalid THEN 'INVALID' END,
            CASE WHEN x.indisclustered THEN 'CLUSTERED' END, CASE WHEN x.indisreplident THEN 'REPLICA IDENTITY' END),
        x.indrelid, nullif(c.relfilenode, 0), c.relispartition
        FROM pg_index x JOIN pg_class c ON c.oid = x.indexrelid
        WHERE c.relnamespace = ANY (${schemas}) AND ${own("pg_class", "x.indrelid")} AND ${own("pg_class", "c.oid")}
        AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = c.oid AND k.contype IN ('p', 'u', 'x'))`,
};

const columns = (major: number): CatalogQuery => ({
    catalog: "pg_class",
    sql: `SELECT 'column', a.attrelid, a.attnum, NULL, quote_ident(a.attname),
        concat_ws(' ', format_type(a.atttypid, a.atttypmod),
            CASE WHEN a.attcollation <> t.typcollation THEN 'COLLATE ' || a.attcollation::regcollation END,
            CASE WHEN a.attnotnull THEN ${major < 18 ? "'NOT NULL'" : "CASE WHEN k.convalidated IS FALSE THEN 'NOT NULL NOT VALID' ELSE 'NOT NULL' END"} END,
            CASE WHEN a.attgenerated <> '' THEN 'GENERATED ALWAYS AS (' || pg_get_expr(d.adbin, d.adrelid) || ') '
                    || CASE a.attgenerated WHEN 's' THEN 'STORED' ELSE 'VIRTUAL' END
                WHEN d.adbin IS NOT NULL THEN 'DEFAULT ' || pg_get_expr(d.adbin, d.adrelid) END,
            CASE a.attidentity WHEN 'a' THEN 'GENERATED ALWAYS AS IDENTITY' WHEN 'd' THEN 'GENERATED BY DEFAULT AS IDENTITY' END,
            CASE WHEN a.attstorage <> t.typstorage THEN 'STORAGE ' || a.attstorage::text END,
            CASE WHEN a.attcompression <> '' THEN 'COMPRESSION ' || a.attcompression::text END,
            CASE WHEN a.attstattarget >= 0 THEN 'STATISTICS ' || a.attstattarget END,
            'WITH (' || ${list("a.attoptions")} || ')', 'OPTIONS (' || ${list("a.attfdwoptions")} || ')'),
        a.attrelid, NULL, CASE WHEN a.attinhcount > 0 AND NOT a.attislocal THEN 't' END
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid JOIN pg_type t ON t.oid = a.atttypid
        LEFT JOIN pg_attrdef d ON a.atthasdef AND d.adrelid = a.attrelid AND d.adnum = a.attnum
        ${major < 18 ? "" : "LEFT JOIN pg_constraint k ON k.contype = 'n' AND NOT k.convalidated AND k.conrelid = a.attrelid AND k.conkey[1] = a.attnum"}
        WHERE c.relkind IN ('r', 'p', 'f') AND c.relnamespace = ANY (${schemas}) AND a.attnum > 0 AND NOT a.attisdropped
        AND ${own("pg_class", "c.oid")}`,
});

/** Without NOT NULL, which PostgreSQL 18 lists here (the column says it), and constraint triggers (the trigger says it). */
const constraints: CatalogQuery = {
    catalog: "pg_constraint",
    sql: `SELECT 'constraint', k.oid, 0, NULL, quote_ident(k.conname),
        concat_ws(' ', pg_get_constraintdef(k.oid), 'WITH (' || ${list("x.reloptions")} || ')'),
        k.conrelid, CASE WHEN k.contype IN ('p', 'u', 'x') THEN k.conindid END,
        CASE WHEN k.conparentid <> 0 OR (k.coninhcount > 0 AND NOT k.conislocal) THEN 't' END
        FROM pg_constraint k LEFT JOIN pg_class x ON x.oid = k.conindid AND k.contype IN ('p', 'u', 'x')
        WHERE k.conrelid <> 0 AND k.contype NOT IN ('n', 't') AND k.connamespace = ANY (${schemas})
        AND ${own("pg_class", "k.conrelid")}`,
};

const routineName = `quote_ident(p.proname) || '(' || oidvectortypes(p.proargtypes) || ')'`;

const functions: CatalogQuery = {
    catalog: "pg_proc",
    sql: `SELECT CASE p.prokind WHEN 'p' THEN 'procedure' ELSE 'function' END, p.oid, 0, p.pronamespace, ${routineName},
        pg_get_functiondef(p.oid), NULL, NULL, NULL
        FROM pg_proc p WHERE p.prokind <> 'a' AND p.pronamespace = ANY (${schemas})
        AND ${whole("pg_proc", "p.oid")}`,
};

const aggregates: CatalogQuery = {
    catalog: "pg_proc",
    sql: `SELECT 'aggregate', p.oid, 0, p.pronamespace, ${routineName},
        concat_ws(' ', pg_get_function_result(p.oid), a.aggkind, a.aggnumdirectargs, a.aggtransfn, a.aggfinalfn, a.aggcombinefn,
            a.aggserialfn, a.aggdeserialfn, a.aggmtransfn, a.aggminvtransfn, a.aggmfinalfn, a.aggfinalextra, a.aggfinalmodify,
            a.aggsortop::regoperator, a.aggtranstype::regtype, a.aggtransspace, a.aggmtranstype::regtype, a.agginitval,
            a.aggminitval, p.proparallel),
        NULL, NULL, NULL
        FROM pg_proc p JOIN pg_aggregate a ON a.aggfnoid = p.oid
        WHERE p.pronamespace = ANY (${schemas}) AND ${own("pg_proc", "p.oid")}`,
};

const triggers: CatalogQuery = {
    catalog: "pg_trigger",
    sql: `SELECT 'trigger', g.oid, 0, NULL, quote_ident(g.tgname),
        pg_get_triggerdef(g.oid) || CASE g.tgenabled WHEN 'O' THEN '' WHEN 'D' THEN ' DISABLED' WHEN 'R' THEN ' REPLICA' ELSE ' ALWAYS' END,
        g.tgrelid, NULL, CASE WHEN g.tgparentid <> 0 THEN 't' END
        FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid
        WHERE NOT g.tgisinternal AND c.relnamespace = ANY (${schemas}) AND ${own("pg_class", "c.oid")}`,
};

const policies: CatalogQuery = {
    catalog: "pg_policy",
    sql: `SELECT 'policy', p.oid, 0, NULL, quote_ident(p.polname),
        concat_ws(' ', CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
            'FOR ' || CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
            'TO ' || (SELECT string_agg(CASE r WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(r)) END, ', '
                ORDER BY r <> 0, pg_get_userbyid(r)) FROM unnest(p.polroles) r),
            'USING (' || pg_get_expr(p.polqual, p.polrelid) || ')', 'WITH CHECK (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')'),
        p.polrelid, NULL, NULL
        FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
        WHERE c.relnamespace = ANY (${schemas}) AND ${own("pg_class", "c.oid")}`,
};

const rules: CatalogQuery = {
    catalog: "pg_rewrite",
    sql: `SELECT 'rule', r.oid, 0, NULL, quote_ident(r.rulename),
        pg_get_ruledef(r.oid) || CASE r.ev_enabled WHEN 'O' THEN '' ELSE ' ENABLED ' || r.ev_enabled::text END, r.ev_class, NULL, NULL
        FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class
        WHERE r.rulename <> '_RETURN' AND c.relnamespace = ANY (${schemas}) AND ${own("pg_class", "c.oid")}`,
};

/** Without those that come with something else: row types, array types, multiranges. */
const types: CatalogQuery = {
    catalog: "pg_type",
    sql: `SELECT CASE t.typtype WHEN 'e' THEN 'enum' WHEN 'd' THEN 'domain' ELSE 'type' END, t.oid, 0, t.typnamespace, quote_ident(t.typname),
        CASE t.typtype
        WHEN 'e' THEN (SELECT string_agg(quote_literal(enumlabel), ', ' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid)
        WHEN 'd' THEN concat_ws(' ', format_type(t.typbasetype, t.typtypmod),
            CASE WHEN t.typcollation <> b.typcollation THEN 'COLLATE ' || t.typcollation::regcollation END,
            CASE WHEN t.typnotnull THEN 'NOT NULL' END, 'DEFAULT ' || t.typdefault,
            (SELECT string_agg('CONSTRAINT ' || quote_ident(conname) || ' ' || pg_get_constraintdef(oid), ' ' ORDER BY conname)
                FROM pg_constraint WHERE contypid = t.oid AND contype <> 'n'))
        WHEN 'c' THEN (SELECT string_agg(concat_ws(' ', quote_ident(attname), format_type(atttypid, atttypmod),
            CASE WHEN attcollation NOT IN (0, 100) THEN 'COLLATE ' || attcollation::regcollation END), ', ' ORDER BY attnum)
            FROM pg_attribute WHERE attrelid = t.typrelid AND attnum > 0 AND NOT attisdropped)
        WHEN 'r' THEN (SELECT concat_ws(' ', 'RANGE OF', rngsubtype::regtype, rngcollation::regcollation, opcname, rngcanonical, rngsubdiff)
            FROM pg_range JOIN pg_opclass o ON o.oid = rngsubopc WHERE rngtypid = t.oid)
        ELSE concat_ws(' ', t.typtype, t.typlen, t.typinput, t.typoutput, t.typreceive, t.typsend, t.typalign, t.typstorage) END,
        NULL, NULL, NULL
        FROM pg_type t LEFT JOIN pg_type b ON b.oid = t.typbasetype
        WHERE t.typtype <> 'm' AND t.typnamespace = ANY (${schemas}) AND ${own("pg_type", "t.oid")}
        AND t.typcategory <> 'A'
        AND (t.typrelid = 0 OR t.typrelid = ANY (ARRAY(SELECT oid FROM pg_class WHERE relkind = 'c' AND oid >= 16384)))`,
};

const sequences: CatalogQuery = {
    catalog: "pg_class",
    sql: `SELECT 'sequence', c.oid, 0, c.relnamespace, quote_ident(c.relname),
        concat_ws(' ', s.seqtypid::regtype, 'START', s.seqstart, 'INCREMENT', s.seqincrement, 'MIN', s.seqmin, 'MAX', s.seqmax,
            'CACHE', s.seqcache, CASE WHEN s.seqcycle THEN 'CYCLE' END, CASE WHEN c.relpersistence = 'u' THEN 'UNLOGGED' END,
            'OWNED BY ' || d.refobjid::regclass || '.'
                || (SELECT quote_ident(a.attname) FROM pg_attribute a WHERE a.attrelid = d.refobjid AND a.attnum = d.refobjsubid)),
        d.refobjid, NULL, NULL
        FROM pg_class c JOIN pg_sequence s ON s.seqrelid = c.oid
        LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_class'::regclass
            AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0
        WHERE c.relnamespace = ANY (${schemas}) AND ${own("pg_class", "c.oid")}`,
};

const statistics: CatalogQuery = {
    catalog: "pg_statistic_ext",
    sql: `SELECT 'statistics', s.oid, 0, s.stxnamespace, quote_ident(s.stxname),
        concat_ws(' ', pg_get_statisticsobjdef(s.oid), CASE WHEN s.stxstattarget >= 0 THEN 'STATISTICS ' || s.stxstattarget END),
        s.stxrelid, NULL, NULL
        FROM pg_statistic_ext s WHERE s.stxnamespace = ANY (${schemas}) AND ${own("pg_statistic_ext", "s.oid")}`,
};

/** Privileges of one grantee, the owner's own left out; `DELETE, SELECT*` (with grant option). */
const privileges = `string_agg(a.privilege_type || CASE WHEN a.is_grantable THEN '*' ELSE '' END, ', ' ORDER BY a.privilege_type)`;
const grantee = `CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END`;

/** Rows of [catalog, OID, column number, column, grantee, privileges]. What PUBLIC has by default is left out; where it was revoked, `none`. */
export const grantQuery = [
    ...[
        ["pg_class", "relacl", "relowner"],
        ["pg_namespace", "nspacl", "nspowner"],
        ["pg_foreign_server", "srvacl", "srvowner"],
    ].map(
        ([
            catalog,
            acl,
            owner,
        ]) => `SELECT '${catalog}', o.oid, 0, NULL, ${grantee}, ${privileges} FROM ${catalog} o, aclexplode(o.${acl}) a
            WHERE (o.oid >= 16384 OR o.oid = to_regnamespace('public')) AND o.${acl} IS NOT NULL AND a.grantee <> o.${owner} GROUP BY o.oid, a.grantee`,
    ),
    `SELECT 'pg_class', o.attrelid, o.attnum, quote_ident(o.attname), ${grantee}, ${privileges}
        FROM pg_attribute o, aclexplode(o.attacl) a WHERE o.attrelid >= 16384 AND o.attacl IS NOT NULL GROUP BY o.attrelid, o.attnum, o.attname, a.grantee`,
    ...[
        ["pg_proc", "proacl", "proowner"],
        ["pg_type", "typacl", "typowner"],
    ].flatMap(([catalog, acl, owner]) => [
        `SELECT '${catalog}', o.oid, 0, NULL, ${grantee}, ${privileges} FROM ${catalog} o, aclexplode(o.${acl}) a
            WHERE o.oid >= 16384 AND o.${acl} IS NOT NULL AND a.grantee NOT IN (0, o.${owner}) GROUP BY o.oid, a.grantee`,
        `SELECT '${catalog}', o.oid, 0, NULL, 'PUBLIC', 'none' FROM ${catalog} o
            WHERE o.oid >= 16384 AND o.${acl} IS NOT NULL AND NOT EXISTS (SELECT FROM aclexplode(o.${acl}) a WHERE a.grantee = 0)`,
    ]),
]
    .join(" UNION ALL ")
    .replace(/\s+/g, " ");

/** Rows of [catalog, OID, column number, column, null, text]. */
export const commentQuery =
    `SELECT d.classoid::regclass::text, d.objoid, d.objsubid, quote_ident(a.attname), NULL, d.description
    FROM pg_description d LEFT JOIN pg_attribute a ON d.objsubid > 0 AND a.attrelid = d.objoid AND a.attnum = d.objsubid
    WHERE d.objoid >= 16384 OR d.classoid = 'pg_namespace'::regclass`.replace(/\s+/g, " ");
