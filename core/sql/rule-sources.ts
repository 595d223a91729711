/**
 * A sub-query of `relation`, `source`: of each view (and rule) by OID the relations that it names, itself included. Whoever follows views
 * to the tables behind them joins it.
 */
export const ruleSources = `(SELECT r.ev_class AS relation, d.refobjid AS source FROM pg_catalog.pg_rewrite r
    JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.objid = r.oid
     AND d.refclassid = 'pg_catalog.pg_class'::regclass)`;
