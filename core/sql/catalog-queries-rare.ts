import { list, type CatalogQuery, whole } from "./catalog-query";
import type { ObjectKind } from "./observation";

/** OIDs below are those of initdb: FirstNormalObjectId in PostgreSQL's access/transam.h. */
const made = (oid: string): string => `${oid} >= 16384`;

/**
 * The queries for what few schemas have.
 * @param schemas SQL array of the OIDs of the user's schemas
 */
export function rareQueries(major: number, schemas: string): CatalogQuery[] {
    /** Named and described by the server itself: pg_identify_object. */
    const plain = (kind: ObjectKind, catalog: string, definition: string, schema?: string): CatalogQuery => ({
        catalog,
        sql: `SELECT '${kind}', o.oid, 0, NULL, regexp_replace((pg_identify_object('${catalog}'::regclass, o.oid, 0)).identity, '^public\\.', ''),
            concat_ws(' ', ${definition}), NULL, NULL, NULL
            FROM ${catalog} o WHERE ${schema === undefined ? made("o.oid") : `o.${schema} = ANY (${schemas})`} AND ${whole(catalog, "o.oid")}`,
    });
    const provider = major < 17 ? "o.collprovider, o.colliculocale" : "o.collprovider, o.colllocale";
    const members = `(SELECT string_agg(pg_describe_object('pg_amop'::regclass, m.oid, 0), '; ' ORDER BY m.amopstrategy, m.amoplefttype, m.amoprighttype)
            FROM pg_amop m WHERE m.amopfamily = o.oid),
        (SELECT string_agg(pg_describe_object('pg_amproc'::regclass, m.oid, 0), '; ' ORDER BY m.amprocnum, m.amproclefttype, m.amprocrighttype)
            FROM pg_amproc m WHERE m.amprocfamily = o.oid)`;
    return [
        {
            catalog: "pg_extension",
            sql: `SELECT 'extension', o.oid, 0, NULL, quote_ident(o.extname),
                'VERSION ' || o.extversion || ' SCHEMA ' || o.extnamespace::regnamespace, NULL, NULL, NULL FROM pg_extension o`,
        },
        plain(
            "event trigger",
            "pg_event_trigger",
            `o.evtevent, o.evtfoid::regprocedure, o.evtenabled, ${list("o.evttags")}`,
        ),
        publications(major),
        plain(
            "collation",
            "pg_collation",
            `${major < 15 ? "o.collprovider" : provider}, o.collisdeterministic, o.collcollate, o.collctype`,
            "collnamespace",
        ),
        plain(
            "operator",
            "pg_operator",
            "o.oprkind, o.oprcanmerge, o.oprcanhash, o.oprresult::regtype, o.oprcom::regoperator, o.oprnegate::regoperator, o.oprcode, o.oprrest, o.oprjoin",
            "oprnamespace",
        ),
        plain("operator family", "pg_opfamily", members, "opfnamespace"),
        plain(
            "operator class",
            "pg_opclass",
            "o.opcintype::regtype, o.opcdefault, o.opckeytype::regtype",
            "opcnamespace",
        ),
        plain("cast", "pg_cast", "o.castfunc::regprocedure, o.castcontext, o.castmethod"),
        plain(
            "text search configuration",
            "pg_ts_config",
            `o.cfgparser, (SELECT string_agg(concat_ws(' ', m.maptokentype, m.mapseqno, m.mapdict::regdictionary), '; ' ORDER BY m.maptokentype, m.mapseqno)
                FROM pg_ts_config_map m WHERE m.mapcfg = o.oid)`.replace(
                "o.cfgparser",
                "(SELECT p.prsname FROM pg_ts_parser p WHERE p.oid = o.cfgparser)",
            ),
            "cfgnamespace",
        ),
        plain(
            "text search dictionary",
            "pg_ts_dict",
            "(SELECT t.tmplname FROM pg_ts_template t WHERE t.oid = o.dicttemplate), o.dictinitoption",
            "dictnamespace",
        ),
        plain(
            "foreign data wrapper",
            "pg_foreign_data_wrapper",
            `o.fdwhandler::regproc, o.fdwvalidator::regproc, ${list("o.fdwoptions")}`,
        ),
        plain(
            "server",
            "pg_foreign_server",
            `(SELECT w.fdwname FROM pg_foreign_data_wrapper w WHERE w.oid = o.srvfdw), o.srvtype, o.srvversion, ${list("o.srvoptions")}`,
        ),
        plain(
            "language",
            "pg_language",
            "o.lanpltrusted, o.lanplcallfoid::regproc, o.laninline::regproc, o.lanvalidator::regproc",
        ),
        {
            catalog: "pg_default_acl",
            sql: `SELECT 'default privileges', o.oid, 0, NULL, concat_ws(' ', 'of', quote_ident(pg_get_userbyid(o.defaclrole)),
                'in ' || nullif(o.defaclnamespace, 0)::regnamespace, 'on',
                CASE o.defaclobjtype WHEN 'r' THEN 'tables' WHEN 'S' THEN 'sequences' WHEN 'f' THEN 'functions' WHEN 'T' THEN 'types' WHEN 'n' THEN 'schemas' ELSE 'large objects' END),
                (SELECT string_agg(x.item, '; ' ORDER BY x.item) FROM (SELECT string_agg(a.privilege_type || CASE WHEN a.is_grantable THEN '*' ELSE '' END, ', '
                    ORDER BY a.privilege_type) || ' TO ' || CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END AS item
                    FROM aclexplode(o.defaclacl) a GROUP BY a.grantee) x), NULL, NULL, NULL
                FROM pg_default_acl o`,
        },
    ];
}

const publications = (major: number): CatalogQuery => ({
    catalog: "pg_publication",
    sql: `SELECT 'publication', o.oid, 0, NULL, quote_ident(o.pubname),
        concat_ws(' ', CASE WHEN o.puballtables THEN 'ALL TABLES' END, CASE WHEN o.pubinsert THEN 'insert' END, CASE WHEN o.pubupdate THEN 'update' END,
            CASE WHEN o.pubdelete THEN 'delete' END, CASE WHEN o.pubtruncate THEN 'truncate' END, CASE WHEN o.pubviaroot THEN 'via root' END,
            (SELECT string_agg(concat_ws(' ', r.prrelid::regclass::text ${major < 15 ? "" : ", '(' || (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = r.prrelid AND a.attnum = ANY (r.prattrs)) || ')', 'WHERE ' || pg_get_expr(r.prqual, r.prrelid)"}), ', '
                ORDER BY r.prrelid::regclass::text) FROM pg_publication_rel r WHERE r.prpubid = o.oid)
            ${major < 15 ? "" : ", (SELECT 'SCHEMAS ' || string_agg(s.pnnspid::regnamespace::text, ', ' ORDER BY s.pnnspid::regnamespace::text) FROM pg_publication_namespace s WHERE s.pnpubid = o.oid)"}),
        NULL, NULL, NULL FROM pg_publication o`,
});
