import type { IdentifiedObject, LiveCatalog } from "../catalog";
import { quoteIdentifier, unquote, type WrittenName } from "../identifiers";
import type { ObjectKind } from "../observation";
import { type Dependencies, withoutColumn } from "./dependencies";
import { classOf, isAttached, temporarySchema } from "./kinds";
import { ModelView, type ModelFacts } from "./model-view";
import { ObjectIndex } from "./object-index";
import type { SearchPath } from "./search-path";

/**
 * A schema that statements can be tried on without a server: objects and who depends on whom, as read from a database, changed
 * as far as names and existence go. Definitions of what it makes hold what later judgements need, in the catalog's words.
 */
export class Model extends ModelView {
    protected objects = new ObjectIndex();
    protected schemaNames: Map<string, string>;
    protected temporary = new Set<string>();
    private counter = 0;
    private created: IdentifiedObject[] = [];
    /** Names of functions that are VOLATILE somewhere. */
    readonly volatile: Set<string>;
    /** Schemas in which there is a type of a name, besides those that are objects here. */
    readonly typeSchemas: Map<string, readonly string[]>;
    /** Whether an extension was made, which may have brought types that nothing here knows. */
    hasNewExtension = false;
    /** Owners, quoted, of what is made and of what was looked up, by id. */
    readonly owners = new Map<string, string>();
    /** What can be installed: extensions that each needs, and its comment. */
    readonly available = new Map<string, { readonly requires: readonly string[]; readonly comment: string }>();

    constructor(
        catalog: LiveCatalog,
        public dependencies: Dependencies,
        readonly facts: ModelFacts,
        public path: SearchPath,
    ) {
        super();
        this.schemaNames = new Map(facts.schemas);
        this.schemaNames.set(temporarySchema, temporarySchema);
        this.volatile = new Set(facts.volatile);
        this.typeSchemas = new Map(facts.types);
        for (const object of catalog.objects) this.objects.insert(object);
    }

    /** @returns the way back to the state now, which may be taken more than once */
    save(): () => void {
        const objects = this.objects.copy();
        const schemaNames = new Map(this.schemaNames);
        const temporary = new Set(this.temporary);
        const dependencies = this.dependencies.copy();
        const path = this.path.copy();
        return () => {
            this.objects = objects.copy();
            this.schemaNames = new Map(schemaNames);
            this.temporary = new Set(temporary);
            this.dependencies = dependencies.copy();
            this.path = path.copy();
        };
    }

    /** Makes an object in a schema (where the search path says, when none is written). */
    add(
        kind: ObjectKind,
        { schema, name }: WrittenName,
        definition: string,
        options: { readonly signature?: string; readonly temporary?: boolean } = {},
    ): IdentifiedObject {
        const wanted = options.temporary === true ? temporarySchema : (schema ?? this.creationSchema() ?? "public");
        const localName = quoteIdentifier(name) + (options.signature ?? "");
        const object = this.objects.put({
            ...this.blank(kind),
            localName,
            name: this.qualified(wanted, localName),
            schema: this.schemaOid(wanted) ?? wanted,
            definition,
        });
        if (wanted === temporarySchema) this.temporary.add(object.id);
        this.noteMade(object);
        const schemaObject = this.find(["schema"], { name: wanted });
        if (schemaObject !== undefined) this.dependencies.add(object.id, schemaObject.id, "n");
        return object;
    }

    /** Makes what no schema holds: an extension, a publication, a schema. */
    addGlobal(kind: ObjectKind, localName: string, definition: string): IdentifiedObject {
        const object = this.objects.put({ ...this.blank(kind), name: localName, localName, definition });
        if (kind === "schema") this.schemaNames.set(object.id.split("/")[1] ?? "", unquote(localName));
        this.noteMade(object);
        return object;
    }

    private noteMade(object: IdentifiedObject): void {
        this.owners.set(object.id, quoteIdentifier(this.path.currentUser));
        this.created.push(object);
    }

    /** What was made since the last time that this was asked. */
    takeCreated(): IdentifiedObject[] {
        return this.created.splice(0);
    }

    /** What was set or made for a transaction only ends with it. */
    endTransaction(): void {
        this.path.endTransaction();
    }

    /** Temporary objects end with the session, or with the transaction if they were made so. */
    forgetTemporary(): void {
        for (const id of [...this.temporary]) {
            const object = this.objects.get(id);
            for (const part of object === undefined ? [] : this.parts(object)) this.remove(part);
            if (object !== undefined) this.remove(object);
        }
        this.temporary.clear();
    }

    /** Makes a column, constraint, trigger, … of a table. */
    addPart(
        kind: ObjectKind,
        table: IdentifiedObject,
        name: string,
        definition: string,
        inherited = false,
    ): IdentifiedObject {
        const localName = quoteIdentifier(name);
        const blank = this.blank(kind);
        const object = this.objects.put({
            ...blank,
            ...(kind === "column" ? { id: `${withoutColumn(table.id)}/n${++this.counter}` } : {}),
            name: `${table.name}.${localName}`,
            localName,
            of: table.name,
            ofId: table.id,
            definition,
            inherited,
        });
        // A column is part of its table by its very id.
        if (kind !== "column") this.dependencies.add(object.id, table.id, "a");
        return object;
    }

    /** Makes an index, statistics, … that has a schema and belongs to a table. */
    addOwned(kind: ObjectKind, table: IdentifiedObject, name: WrittenName, definition: string): IdentifiedObject {
        const object = this.add(kind, name, definition, { temporary: this.isTemporary(table) });
        return this.replace({ ...object, of: table.name, ofId: table.id });
    }

    /** Makes or replaces a comment or grant on something; of the columns of views there is only the number and the name. */
    attach(kind: "comment" | "grant", target: IdentifiedObject, grantee: string, definition: string): void {
        const ofId = target.ofId ?? target.id;
        this.replace({
            kind,
            name: attachedName(target, grantee),
            of: this.objects.get(ofId)?.name ?? target.name,
            ofId,
            definition,
            id: `${kind}/${target.id}/${grantee}`,
            localName: grantee,
            schema: null,
            storage: null,
            inherited: false,
        });
    }

    /** Makes something that is named by its identity. */
    addIdentity(kind: ObjectKind, identity: string, definition: string, schema?: string): IdentifiedObject {
        const object = this.addGlobal(kind, identity, definition);
        const inSchema = schema === undefined ? undefined : this.find(["schema"], { name: schema });
        if (inSchema !== undefined) this.dependencies.add(object.id, inSchema.id, "n");
        return object;
    }

    private blank(kind: ObjectKind): IdentifiedObject {
        const id = `${classOf(kind)}/n${++this.counter}/0`;
        return { kind, id, name: "", localName: "", schema: null, storage: null, inherited: false, definition: "" };
    }

    /** Puts another state of an object in the place of the old one. */
    replace(object: IdentifiedObject): IdentifiedObject {
        return this.objects.put(object);
    }

    /** Gives an object another definition; what is no more stays away. */
    change(object: IdentifiedObject, definition: string): void {
        const now = this.objects.get(object.id);
        if (now !== undefined && now.definition !== definition) this.replace({ ...now, definition });
    }

    /**
     * Renames an object, or moves it to another schema; what belongs to it follows by name.
     * @param localName quoted where needed, of a function with its arguments
     */
    rename(object: IdentifiedObject, localName: string, schema = object.schema): void {
        const renamed = this.replace({ ...object, localName, schema });
        if (object.kind === "schema") {
            const oid = object.id.split("/")[1] ?? "";
            this.schemaNames.set(oid, unquote(localName));
            for (const other of this.objects.values()) if (other.schema === oid) this.refreshName(other);
        }
        this.refreshName(renamed);
        if (schema !== object.schema) this.moveDependency(renamed, object.schema);
    }

    private moveDependency(object: IdentifiedObject, from: string | null): void {
        this.dependencies.release(object.id, (d) => d.on !== `pg_namespace/${from ?? ""}`);
        const to = this.objects.get(`pg_namespace/${object.schema ?? ""}/0`);
        if (to !== undefined) this.dependencies.add(object.id, to.id, "n");
    }

    /** Works out the full name of an object and of everything that belongs to it. */
    private refreshName(object: IdentifiedObject): void {
        const owner = object.ofId === undefined ? undefined : this.objects.get(object.ofId);
        const name =
            object.schema !== null
                ? this.qualified(this.schemaNames.get(object.schema) ?? object.schema, object.localName)
                : owner !== undefined
                  ? `${owner.name}.${object.localName}`
                  : object.localName;
        const now = this.replace({ ...object, name, ...(owner === undefined ? {} : { of: owner.name }) });
        const parts = this.parts(now);
        for (const part of parts) if (!isAttached(part)) this.refreshName(part);
        // What is on the parts is named after them.
        for (const part of parts) if (isAttached(part)) this.refreshAttached(part, name);
        for (const other of owner === undefined ? [] : this.parts(owner))
            if (isAttached(other) && targetOf(other) === now.id) this.refreshAttached(other, owner?.name ?? "");
    }

    private refreshAttached(part: IdentifiedObject, owner: string): void {
        const target = this.objects.get(targetOf(part));
        const name =
            target === undefined
                ? part.name.replace(`${part.of ?? ""}.`, `${owner}.`)
                : attachedName(target, part.localName);
        this.replace({ ...part, name, of: owner });
    }

    private qualified(schema: string, localName: string): string {
        return schema === "public" ? localName : `${quoteIdentifier(schema)}.${localName}`;
    }

    /** Takes an object out with what describes it, and everything that the model knows of it. */
    remove(object: IdentifiedObject): void {
        for (const part of this.objects.attachedTo(object.id)) this.objects.take(part.id);
        if (object.ofId !== undefined)
            for (const part of this.objects.attachedTo(object.ofId))
                if (targetOf(part) === object.id) this.objects.take(part.id);
        this.objects.take(object.id);
        this.dependencies.remove(object.id);
        if (object.kind === "schema") this.schemaNames.delete(object.id.split("/")[1] ?? "");
    }
}

function attachedName(target: IdentifiedObject, grantee: string): string {
    return `on ${target.kind} ${target.name}${grantee === "" ? "" : ` to ${grantee}`}`;
}

/** Of a comment or grant, what it is on: `comment/pg_class/16384/2/` → pg_class/16384/2. */
function targetOf({ id }: IdentifiedObject): string {
    return id.split("/").slice(1, 4).join("/");
}
