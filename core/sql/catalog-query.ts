import type { ObjectKind } from "./observation";

/** FirstNormalObjectId in PostgreSQL's access/transam.h: below are the objects of initdb. */
export const firstNormal = 16_384;

/** One query over one of PostgreSQL's catalogs. */
export interface CatalogQuery {
    /** The catalog whose OIDs the rows carry: `pg_class`. */
    readonly catalog: string;
    /** Yields the columns of CatalogRow, in that order. */
    readonly sql: string;
}

/** As pg reads it: OIDs may be numbers. */
export type CatalogRow = readonly [
    kind: ObjectKind,
    oid: string | number,
    /** Column number, or 0. */
    subid: string | number,
    /** OID of the schema, or null for what belongs to a relation or to no schema. */
    schema: string | number | null,
    /** Quoted where needed. */
    name: string,
    definition: string,
    /** OID of the relation that it belongs to. */
    relation: string | number | null,
    /** relfilenode of what has storage. */
    storage: string | number | null,
    /** True for what a partition or inheritance child only mirrors from its parent. */
    inherited: string | boolean | null,
];

/** Not a member of an extension; those come and go with it. They are looked up by what they belong to, as most databases have few. */
export const own = (catalog: string, oid: string): string =>
    `${oid} NOT IN (SELECT e.objid FROM pg_depend e WHERE e.refclassid = 'pg_extension'::regclass AND e.classid = '${catalog}'::regclass AND e.deptype = 'e')`;

/** Neither that nor the inner part of something else. */
export const whole = (catalog: string, oid: string): string =>
    `NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = '${catalog}'::regclass AND e.objid = ${oid} AND e.deptype IN ('e', 'i'))`;

/** An array of options as one text. */
export const list = (options: string): string => `array_to_string(${options}, ', ')`;
