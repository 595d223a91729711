import { createHash } from "node:crypto";
import type { Client } from "pg";
import { catalogQueries, commentQuery, grantQuery } from "./catalog-queries";
import type { CatalogRow } from "./catalog-query";
import type { CatalogObject } from "./observation";
import { serverMajor } from "./server-major";
import { streamRows } from "./stream-rows";

/** An object together with what identifies it within its database, whatever it is called. */
export interface IdentifiedObject extends CatalogObject {
    /** `pg_class/16384/2`: catalog, OID, column number. Stays when the object is renamed, differs from database to database. */
    readonly id: string;
    /** Own name without schema and table, and the OID of the schema: what a rename or a move changes. */
    readonly localName: string;
    readonly schema: string | null;
    /** relfilenode of its storage; another one after a statement means that the storage was written anew. */
    readonly storage: string | null;
    /** Whether it only mirrors a column, constraint, index or trigger of the parent table. */
    readonly inherited: boolean;
    /** `id` of the table that `of` names. */
    readonly ofId?: string;
}

/** A schema as names and definitions: comparable across databases, JSON. */
export interface Catalog {
    /** Ascending by kind, then name. Together these two are unique. */
    readonly objects: readonly CatalogObject[];
}

/** A schema as read from one database. */
export interface LiveCatalog extends Catalog {
    readonly objects: readonly IdentifiedObject[];
    readonly byId: ReadonlyMap<string, IdentifiedObject>;
}

/** How one catalog differs from another in one object. */
export interface Difference {
    readonly change: "added" | "dropped" | "changed";
    readonly object: CatalogObject;
    /** For `changed`: the definition in the first catalog; `object` holds that of the second. */
    readonly before?: string;
}

/** Settings by which the server writes names and constants, and what they are while it does: the same for every session. */
const pinned: readonly (readonly [name: string, value: string])[] = [
    ["search_path", ""],
    ["TimeZone", "UTC"],
    ["DateStyle", "ISO, MDY"],
    ["IntervalStyle", "postgres"],
    ["extra_float_digits", "1"],
    ["bytea_output", "hex"],
    ["lc_monetary", "C"],
    ["quote_all_identifiers", "off"],
];

/**
 * Reads everything that the user's schemas consist of, in one round trip (two at first): without system schemas, without
 * `schemaward`, without members of extensions, owners, positions of columns and the data itself. Uses an empty search_path and other settings of its own
 * for that time, so that names and constants are the same whatever the session's are. Works in a READ ONLY transaction, in an open one, or in none.
 * @throws pg's DatabaseError
 */
export async function readCatalog(client: Client): Promise<LiveCatalog> {
    const major = await serverMajor(client);
    const queries = catalogQueries(major);
    const text = [
        // One simple query is one transaction: outside of an explicit one the local settings end with it.
        `SELECT ${pinned.map(([name, value]) => `set_config('schemaward.${name}', current_setting('${name}'), true), set_config('${name}', '${value}', true)`).join(", ")}`,
        "SELECT oid, quote_ident(nspname) FROM pg_namespace",
        ...queries.map((query) => query.sql),
        grantQuery,
        commentQuery,
        `SELECT ${pinned.map(([name]) => `set_config('${name}', current_setting('schemaward.${name}'), true)`).join(", ")}`,
    ].join(";\n");
    const builder = new Builder();
    await streamRows(client, text, (statement, row) => {
        const query = queries[statement - 2];
        if (statement === 1) builder.addSchema(String(row[0]), String(row[1]));
        else if (query !== undefined) builder.add(query.catalog, row as unknown as CatalogRow);
        else if (statement === queries.length + 2) builder.attach("grant", row as unknown as AttachedRow);
        else if (statement === queries.length + 3) builder.attach("comment", row as unknown as AttachedRow);
    });
    return builder.catalog();
}

/** A grant or a comment: on which object, and for grants to whom. */
type AttachedRow = readonly [
    catalog: string,
    oid: number,
    subid: number,
    column: string | null,
    grantee: string | null,
    definition: string,
];

class Builder {
    private readonly objects = new Map<string, IdentifiedObject>();
    /** Rows that belong to a relation, until all relations are known. */
    private readonly waiting: { readonly catalog: string; readonly row: CatalogRow }[] = [];

    private settled = false;
    private readonly schemas = new Map<string, string>();

    /** @param name quoted where needed */
    addSchema(oid: string, name: string): void {
        this.schemas.set(oid, name);
    }

    add(catalog: string, row: CatalogRow): void {
        const isKnown = row[6] === null || this.objects.has(`pg_class/${row[6]}/0`);
        if (isKnown || row[0] === "partition") this.put(catalog, row);
        else this.waiting.push({ catalog, row });
    }

    private put(catalog: string, row: CatalogRow): void {
        const [kind, oid, subid, schema, localName, definition, relation, storage, inherited] = row;
        const ofId = relation === null ? undefined : `pg_class/${relation}/0`;
        const owner = ofId === undefined ? undefined : this.objects.get(ofId);
        const name =
            schema !== null ? this.qualified(schema, localName) : owner ? `${owner.name}.${localName}` : localName;
        const object: IdentifiedObject = {
            kind,
            name,
            ...(owner === undefined ? {} : { of: owner.name }),
            definition,
            id: `${catalog}/${oid}/${subid}`,
            localName,
            schema: schema === null ? null : String(schema),
            storage: storage === null ? null : String(storage),
            inherited: inherited !== null && String(inherited).startsWith("t"),
            ...(ofId === undefined ? {} : { ofId }),
        };
        this.objects.set(object.id, object);
    }

    private qualified(schema: string | number, name: string): string {
        const schemaName = this.schemas.get(String(schema)) ?? "?";
        return schemaName === "public" ? name : `${schemaName}.${name}`;
    }

    /** Ends `add`: gives everything the name of what it belongs to. */
    private settle(): void {
        if (this.settled) return;
        this.settled = true;
        // Partitions and owned sequences name a relation that may come later in the result.
        for (const { catalog, row } of this.waiting) this.put(catalog, row);
        for (const object of this.objects.values()) {
            if (object.ofId === undefined || object.of !== undefined) continue;
            const owner = this.objects.get(object.ofId);
            if (owner !== undefined) this.objects.set(object.id, { ...object, of: owner.name });
        }
    }

    attach(kind: "grant" | "comment", [catalog, oid, subid, column, grantee, definition]: AttachedRow): void {
        this.settle();
        const owner = this.objects.get(`${catalog}/${String(oid)}/0`);
        const target =
            subid === 0
                ? owner
                : (this.objects.get(`${catalog}/${String(oid)}/${String(subid)}`) ??
                  (owner === undefined ? undefined : viewColumn(owner, String(subid), column ?? "?")));
        if (target === undefined) return;
        const localName = `on ${target.kind} ${target.name}${grantee === null ? "" : ` to ${grantee}`}`;
        const ofId = target.ofId ?? target.id;
        const id = `${kind}/${target.id}/${grantee ?? ""}`;
        const of = this.objects.get(ofId)?.name ?? target.name;
        this.objects.set(id, {
            kind,
            name: localName,
            of,
            definition,
            id,
            localName: grantee ?? "",
            schema: null,
            storage: null,
            inherited: false,
            ofId,
        });
    }

    catalog(): LiveCatalog {
        this.settle();
        const objects = [...this.objects.values()].sort(byKindAndName);
        return { objects, byId: this.objects };
    }
}

/** A view's column is no object of its own, but may have a comment and grants. */
function viewColumn(view: IdentifiedObject, subid: string, column: string): IdentifiedObject {
    return { ...view, kind: "column", id: view.id.replace(/0$/, subid), name: `${view.name}.${column}`, ofId: view.id };
}

/** Orders as `Catalog` does. */
export function byKindAndName(a: CatalogObject, b: CatalogObject): number {
    return compareText(a.kind, b.kind) || compareText(a.name, b.name);
}

/** By code unit: the same everywhere, whatever the locale. */
function compareText(a: string, b: string): number {
    return a < b ? -1 : a > b ? 1 : 0;
}

/** The plain form that the ledger stores: names and definitions, no OIDs. */
export function toObjects(catalog: Catalog): CatalogObject[] {
    return catalog.objects.map(({ kind, name, of, definition }) => ({
        kind,
        name,
        ...(of === undefined ? {} : { of }),
        definition,
    }));
}

/** The catalog that `toObjects` made the plain form of. */
export function fromObjects(objects: readonly CatalogObject[]): Catalog {
    return { objects: [...objects].sort(byKindAndName) };
}

/** Key of an object across databases. */
export function keyOf(object: CatalogObject): string {
    return `${object.kind}\0${object.name}`;
}

/** What makes `after` another schema than `before`, by kind and name: drift. Empty when they are the same. */
export function compareCatalogs(before: Catalog, after: Catalog): Difference[] {
    const old = new Map(before.objects.map((object) => [keyOf(object), object]));
    const differences: Difference[] = [];
    for (const object of after.objects) {
        const previous = old.get(keyOf(object));
        old.delete(keyOf(object));
        if (previous === undefined) differences.push({ change: "added", object });
        else if (previous.definition !== object.definition)
            differences.push({ change: "changed", object, before: previous.definition });
    }
    for (const object of old.values()) differences.push({ change: "dropped", object });
    return differences.sort((a, b) => byKindAndName(a.object, b.object));
}

/** SHA-256, lower-case hex, of all names and definitions: equal exactly when `compareCatalogs` finds nothing. */
export function catalogHash(catalog: Catalog): string {
    const hash = createHash("sha256");
    for (const object of catalog.objects) hash.update(`${keyOf(object)}\0${object.definition}\0`);
    return hash.digest("hex");
}

/** `::character varying`, `::numeric(10,2)[]`, `::"odd type"`: keywords are upper-case where PostgreSQL writes an expression, types are not. */
const cast =
    /::(?:(?:"(?:[^"]|"")*"|[a-z_][a-z0-9_]*)\.?)(?: ?(?:"(?:[^"]|"")*"|[a-z_][a-z0-9_]*))*(?:\(\d+(?:,\d+)?\))?(?: (?:with|without) time zone)?(?:\[\])*/g;

/**
 * As `catalogHash`, of what a dump and a restore leave as it is. What PostgreSQL writes of an expression, it writes otherwise once it has read that:
 * `CHECK (status IN ('open', 'paid'))` of a varchar first casts the array, then each of its elements. So casts and parentheses do not count. pg_dump
 * leaves out invalid indexes, which a failed CREATE INDEX CONCURRENTLY leaves behind.
 */
export function restorableHash(catalog: Catalog): string {
    const hash = createHash("sha256");
    const gone = new Set(catalog.objects.filter((o) => o.definition.endsWith(" INVALID")).map((o) => o.name));
    for (const object of catalog.objects)
        // With what is on them: comments.
        if (!gone.has(object.name) && !gone.has(object.of ?? ""))
            hash.update(`${keyOf(object)}\0${object.definition.replace(cast, "").replace(/[()\s]/g, "")}\0`);
    return hash.digest("hex");
}
