import type { Client } from "pg";
import { readCatalog, type IdentifiedObject, type LiveCatalog } from "./catalog";
import { quoteIdentifier, unquote, type WrittenName } from "./identifiers";
import type { ObjectKind } from "./observation";

/** pg_depend: `id` depends on column `subid` (0: the whole) of an object. */
interface Dependency {
    readonly id: string;
    readonly subid: string;
    /** As pg_depend's deptype. */
    readonly type: string;
}

export const relationKinds: readonly ObjectKind[] = [
    "table",
    "partition",
    "view",
    "materialized view",
    "foreign table",
    "sequence",
    "index",
];
export const tableKinds: readonly ObjectKind[] = ["table", "partition", "foreign table"];
export const typeKinds: readonly ObjectKind[] = ["type", "enum", "domain"];

/**
 * A schema that statements can be tried on without a server: objects and who depends on whom, as read from a database, changed
 * as far as names and existence go. Definitions of what it makes are the statements' own words.
 */
export class Model {
    private readonly objects = new Map<string, IdentifiedObject>();
    private readonly byName = new Map<string, Set<string>>();
    private readonly byOwner = new Map<string, Set<string>>();
    /** By the object depended on, without column: `pg_class/16384`. */
    private readonly dependents = new Map<string, Dependency[]>();
    /** What an inner part belongs to: the rule of a view → the view; a default → its column. */
    private readonly wholes = new Map<string, string>();
    /** Of a constraint, the other tables it needs. */
    private readonly referencedBy = new Map<string, Set<string>>();
    private readonly schemaNames = new Map<string, string>();
    private counter = 0;

    private constructor(private readonly searchPath: readonly string[]) {}

    /** @param searchPath schemas in order; empty: the session's */
    static async read(client: Client, searchPath: readonly string[]): Promise<Model> {
        const catalog = await readCatalog(client);
        const path = await client.query<{ path: string[] }>("SELECT current_schemas(false)::text[] AS path");
        const model = new Model(searchPath.length > 0 ? searchPath : (path.rows[0]?.path ?? ["public"]));
        const schemas = await client.query<{ oid: string; name: string }>(
            "SELECT oid::int8::text AS oid, nspname AS name FROM pg_catalog.pg_namespace",
        );
        for (const { oid, name } of schemas.rows) model.schemaNames.set(oid, name);
        for (const object of catalog.objects) model.insert(object);
        const { rows } = await client.query<string[]>({
            text: `SELECT d.classid::regclass::text || '/' || d.objid, d.objsubid::text, d.refclassid::regclass::text || '/' || d.refobjid,
                    d.refobjsubid::text, d.deptype::text FROM pg_catalog.pg_depend d
                    WHERE d.refobjid >= 16384 OR (d.refclassid = 'pg_catalog.pg_namespace'::regclass AND d.objid >= 16384)`,
            rowMode: "array",
        });
        for (const [object = "", subid = "0", on = "", onSubid = "0", type = "n"] of rows)
            model.depend(`${object}/${subid}`, on, onSubid, type);
        return model;
    }

    /** The state as `schemaChanges` takes it. */
    snapshot(): LiveCatalog {
        const byId = new Map(this.objects);
        return { objects: [...byId.values()], byId };
    }

    get(id: string): IdentifiedObject | undefined {
        return this.objects.get(id);
    }

    /** Finds by name, through the search path when no schema is written. */
    find(kinds: readonly ObjectKind[], { schema, name }: WrittenName): IdentifiedObject | undefined {
        const found = [...(this.byName.get(name) ?? [])]
            .flatMap((id) => this.objects.get(id) ?? [])
            .filter((object) => kinds.includes(object.kind));
        const inSchema = (wanted: string): IdentifiedObject | undefined =>
            found.find((object) => object.schema === null || this.schemaNames.get(object.schema) === wanted);
        if (schema !== undefined) return inSchema(schema);
        for (const candidate of this.searchPath) {
            const object = inSchema(candidate);
            if (object !== undefined) return object;
        }
        return undefined;
    }

    /** A column, constraint, trigger, … of a table, by its own name. */
    part(kind: ObjectKind, table: IdentifiedObject, name: string): IdentifiedObject | undefined {
        return this.parts(table).find((object) => object.kind === kind && unquote(object.localName) === name);
    }

    /** Everything that belongs to a table. */
    parts(table: IdentifiedObject): IdentifiedObject[] {
        return [...(this.byOwner.get(table.id) ?? [])].flatMap((id) => this.objects.get(id) ?? []);
    }

    /** Partitions and inheritance children, at any depth. */
    children(table: IdentifiedObject): IdentifiedObject[] {
        const direct = (this.dependents.get(withoutColumn(table.id)) ?? []).flatMap(({ id }) => {
            const object = this.objects.get(id);
            return object !== undefined &&
                object.id !== table.id &&
                tableKinds.includes(object.kind) &&
                id.endsWith("/0")
                ? [object]
                : [];
        });
        return [...new Set(direct)].flatMap((child) => [child, ...this.children(child)]);
    }

    /**
     * The table that a foreign key refers to.
     * @param objects where to look: a state from before a drop
     */
    otherEnd(
        constraint: IdentifiedObject,
        objects: ReadonlyMap<string, IdentifiedObject> = this.objects,
    ): IdentifiedObject | undefined {
        for (const id of this.referencedBy.get(constraint.id) ?? []) {
            const table = objects.get(id);
            if (table !== undefined && id !== constraint.ofId && tableKinds.includes(table.kind)) return table;
        }
        return undefined;
    }

    /** What depends on a column. */
    dependentsOf(column: IdentifiedObject): IdentifiedObject[] {
        const subid = column.id.split("/")[2] ?? "0";
        return (this.dependents.get(withoutColumn(column.id)) ?? [])
            .filter((dependency) => dependency.subid === subid)
            .flatMap(({ id }) => this.objects.get(id) ?? []);
    }

    /** The schema that an object is in, unquoted. */
    schemaName(object: IdentifiedObject): string | undefined {
        return object.schema === null ? undefined : this.schemaNames.get(object.schema);
    }

    /** Takes an object out without anything else. */
    forget(object: IdentifiedObject): void {
        this.remove(object);
    }

    /** Ends a dependency. */
    independ(id: string, on: string): void {
        const list = this.dependents.get(on) ?? [];
        this.dependents.set(
            on,
            list.filter((dependency) => dependency.id !== id),
        );
    }

    /** Foreign keys that other tables, or the table itself, have to a table. */
    referencing(table: IdentifiedObject): IdentifiedObject[] {
        const ids = (this.dependents.get(withoutColumn(table.id)) ?? [])
            .filter(({ type }) => type === "n")
            .map(({ id }) => id);
        return [...new Set(ids)].flatMap((id) => {
            const object = this.objects.get(id);
            return object?.kind === "constraint" ? [object] : [];
        });
    }

    /** Makes an object in a schema (the first of the path, when none is written). */
    add(kind: ObjectKind, { schema, name }: WrittenName, definition: string, signature = ""): IdentifiedObject {
        const wanted = schema ?? this.searchPath[0] ?? "public";
        const oid = [...this.schemaNames].find(([, known]) => known === wanted)?.[0] ?? wanted;
        const localName = quoteIdentifier(name) + signature;
        const shown = wanted === "public" ? localName : `${quoteIdentifier(wanted)}.${localName}`;
        const object = this.insert({
            ...this.blank(
                kind,
                kind === "function" || kind === "procedure" || kind === "aggregate" ? "pg_proc" : classOf(kind),
            ),
            name: shown,
            localName,
            schema: oid,
            definition,
        });
        const schemaObject = this.find(["schema"], { name: wanted });
        if (schemaObject !== undefined) this.depend(object.id, withoutColumn(schemaObject.id), "0", "n");
        return object;
    }

    /** Makes what no schema holds: an extension, a publication, a schema. */
    addGlobal(kind: ObjectKind, name: string, definition: string): IdentifiedObject {
        const object = this.insert({
            ...this.blank(kind, classOf(kind)),
            name: quoteIdentifier(name),
            localName: quoteIdentifier(name),
            definition,
        });
        if (kind === "schema") this.schemaNames.set(object.id.split("/")[1] ?? "", name);
        return object;
    }

    /** Makes a column, constraint, trigger, … of a table. */
    addPart(
        kind: ObjectKind,
        table: IdentifiedObject,
        name: string,
        definition: string,
        inherited = false,
    ): IdentifiedObject {
        const blank = this.blank(kind, classOf(kind));
        const number = ++this.counter;
        return this.insert({
            ...blank,
            ...(kind === "column" ? { id: `${withoutColumn(table.id)}/n${number}` } : {}),
            name: `${table.name}.${quoteIdentifier(name)}`,
            localName: quoteIdentifier(name),
            of: table.name,
            ofId: table.id,
            definition,
            inherited,
        });
    }

    /** Makes a comment or grant on something. */
    attach(kind: "comment" | "grant", target: IdentifiedObject, grantee: string, definition: string): void {
        const id = `${kind}/${target.id}/${grantee}`;
        const ofId = target.ofId ?? target.id;
        const name = `on ${target.kind} ${target.name}${kind === "grant" ? ` to ${grantee}` : ""}`;
        const of = this.objects.get(ofId)?.name ?? target.name;
        this.insert({
            kind,
            name,
            of,
            ofId,
            definition,
            id,
            localName: grantee,
            schema: null,
            storage: null,
            inherited: false,
        });
    }

    private blank(kind: ObjectKind, catalog: string): IdentifiedObject {
        const id = `${catalog}/n${++this.counter}/0`;
        return { kind, id, name: "", localName: "", schema: null, storage: null, inherited: false, definition: "" };
    }

    /** Puts another state of an object in the place of the old one. */
    replace(object: IdentifiedObject): void {
        const old = this.objects.get(object.id);
        if (old !== undefined) this.remove(old);
        this.insert(object);
    }

    change(object: IdentifiedObject, definition: string): void {
        if (this.objects.has(object.id)) this.replace({ ...object, definition });
    }

    /** Renames an object, or moves it to another schema; what belongs to it follows. */
    rename(object: IdentifiedObject, name: string, schema?: string): void {
        const signature = /\(.*$/.exec(object.localName)?.[0] ?? "";
        const local =
            quoteIdentifier(name) +
            (object.kind === "function" || object.kind === "procedure" || object.kind === "aggregate" ? signature : "");
        const oid =
            schema === undefined
                ? object.schema
                : ([...this.schemaNames].find(([, known]) => known === schema)?.[0] ?? schema);
        const schemaName = oid === null ? undefined : this.schemaNames.get(oid);
        const owner = object.schema === null && object.ofId !== undefined ? this.objects.get(object.ofId) : undefined;
        const shown =
            owner !== undefined
                ? `${owner.name}.${local}`
                : schemaName === undefined || schemaName === "public"
                  ? local
                  : `${quoteIdentifier(schemaName)}.${local}`;
        const renamed = { ...object, name: shown, localName: local, schema: oid };
        this.replace(renamed);
        for (const part of this.parts(object)) {
            if (part.kind === "partition") continue;
            const partName =
                part.schema === null && !part.id.startsWith("comment/") && !part.id.startsWith("grant/")
                    ? `${shown}.${part.localName}`
                    : part.name;
            this.replace({ ...part, of: shown, name: partName });
        }
        if (object.kind === "schema") this.schemaNames.set(object.id.split("/")[1] ?? "", name);
    }

    depend(id: string, on: string, onSubid: string, type: string): void {
        const list = this.dependents.get(on) ?? [];
        list.push({ id, subid: onSubid, type });
        this.dependents.set(on, list);
        const inner = type === "i" && (id.startsWith("pg_rewrite/") || id.startsWith("pg_type/"));
        if (inner || (id.startsWith("pg_attrdef/") && type === "a")) this.wholes.set(id, `${on}/${onSubid}`);
        if (type === "n" && id.startsWith("pg_constraint/") && on.startsWith("pg_class/"))
            push(this.referencedBy, id, `${on}/0`);
    }

    /**
     * Drops objects with everything that goes along: what belongs to them, what depends on them automatically, and with CASCADE what
     * depends on them at all. Source: the dependency types in the manual's chapter on pg_depend.
     * @returns what is gone, inner parts of other objects (defaults of columns) included by the id of the object that lost them
     */
    drop(
        targets: readonly IdentifiedObject[],
        cascade: boolean,
    ): { readonly gone: IdentifiedObject[]; readonly touched: IdentifiedObject[] } {
        const visited = new Set<string>();
        const queue = targets.map(({ id }) => id);
        for (let id = queue.pop(); id !== undefined; id = queue.pop()) {
            if (visited.has(id)) continue;
            visited.add(id);
            const subid = id.split("/")[2] ?? "0";
            for (const dependency of this.dependents.get(withoutColumn(id)) ?? []) {
                if (subid !== "0" && dependency.subid !== subid) continue;
                if (dependency.type === "n" && !cascade) continue;
                queue.push(dependency.id);
            }
            // An inner part takes the whole with it (a view its rule), a column's default does not.
            const whole = this.wholes.get(id);
            if (whole !== undefined && !id.startsWith("pg_attrdef/")) queue.push(whole);
            for (const owned of this.byOwner.get(id) ?? []) queue.push(owned);
            queue.push(...this.inheritedBy(id));
        }
        const ids = [...visited];
        const gone = ids.flatMap((id) => this.objects.get(id) ?? []);
        const attached = [...this.objects.values()].filter(
            ({ id }) =>
                (id.startsWith("comment/") || id.startsWith("grant/")) &&
                visited.has(id.split("/").slice(1, 4).join("/")),
        );
        const touched = ids.flatMap((id) => {
            const column = id.startsWith("pg_attrdef/") ? this.objects.get(this.wholes.get(id) ?? "") : undefined;
            return column === undefined || visited.has(column.id) ? [] : [column];
        });
        for (const object of new Set([...gone, ...attached])) this.remove(object);
        for (const column of touched) this.change(column, column.definition.replace(/ DEFAULT .*$/s, ""));
        return { gone, touched };
    }

    /** The same column in children, which a dropped column takes along. */
    private inheritedBy(id: string): string[] {
        const column = this.objects.get(id);
        const table =
            column?.kind === "column" && column.ofId !== undefined ? this.objects.get(column.ofId) : undefined;
        if (column === undefined || table === undefined) return [];
        return this.children(table).flatMap((child) => {
            const same = this.part("column", child, unquote(column.localName));
            return same?.inherited === true ? [same.id] : [];
        });
    }

    private insert(object: IdentifiedObject): IdentifiedObject {
        this.objects.set(object.id, object);
        push(this.byName, unquote(object.localName.replace(/\(.*$/, "")), object.id);
        if (object.ofId !== undefined) push(this.byOwner, object.ofId, object.id);
        return object;
    }

    private remove(object: IdentifiedObject): void {
        this.objects.delete(object.id);
        this.byName.get(unquote(object.localName.replace(/\(.*$/, "")))?.delete(object.id);
        if (object.ofId !== undefined) this.byOwner.get(object.ofId)?.delete(object.id);
    }
}

function push(map: Map<string, Set<string>>, key: string, value: string): void {
    const set = map.get(key) ?? new Set();
    set.add(value);
    map.set(key, set);
}

/** `pg_class/16384/2` → `pg_class/16384`: as dependencies are kept. */
export function withoutColumn(id: string): string {
    return id.slice(0, id.lastIndexOf("/"));
}

function classOf(kind: ObjectKind): string {
    const classes: Partial<Record<ObjectKind, string>> = {
        schema: "pg_namespace",
        constraint: "pg_constraint",
        trigger: "pg_trigger",
        policy: "pg_policy",
        rule: "pg_rewrite",
        type: "pg_type",
        enum: "pg_type",
        domain: "pg_type",
        extension: "pg_extension",
        statistics: "pg_statistic_ext",
    };
    return classes[kind] ?? "pg_class";
}
