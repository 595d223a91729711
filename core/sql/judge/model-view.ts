import type { IdentifiedObject } from "../catalog";
import type { CatalogState } from "../difference";
import { unquote, type WrittenName } from "../identifiers";
import type { ObjectKind } from "../observation";
import { columnOf, type Dependencies } from "./dependencies";
import { hasIndex, tableKinds, temporarySchema } from "./kinds";
import type { ObjectIndex } from "./object-index";
import type { SearchPath } from "./search-path";

/** What a database brings along besides the objects of its catalog. */
export interface ModelFacts {
    /** Names of all schemas by OID, the system's included. */
    readonly schemas: ReadonlyMap<string, string>;
    /** Names of types, with the schemas that have one of that name; without arrays and row types. */
    readonly types: ReadonlyMap<string, readonly string[]>;
    /** Names of functions that are VOLATILE somewhere. */
    readonly volatile: ReadonlySet<string>;
    /** Columns of views and materialized views, with their types, by the relation's id. */
    readonly viewColumns: ReadonlyMap<string, readonly { readonly name: string; readonly type: string }[]>;
    /** Major version of the server. */
    readonly major: number;
}

/** What is asked of a schema that statements are tried on. */
export abstract class ModelView {
    protected abstract objects: ObjectIndex;
    protected abstract schemaNames: ReadonlyMap<string, string>;
    protected abstract temporary: ReadonlySet<string>;
    abstract readonly dependencies: Dependencies;
    abstract readonly path: SearchPath;

    /** Begins a step: what comes is compared with the state now. */
    mark(): void {
        this.objects.mark();
    }

    /** An object as it was before the step. */
    before(id: string): IdentifiedObject | undefined {
        return this.objects.before(id);
    }

    /** All objects before the step. */
    allBefore(): IdentifiedObject[] {
        const ids = new Set([...this.objects.values().map(({ id }) => id), ...this.objects.touched()]);
        return [...ids].flatMap((id) => this.objects.before(id) ?? []);
    }

    /** Names of all objects, by id. */
    names(): Map<string, string> {
        return new Map(this.objects.values().map(({ id, name }) => [id, name]));
    }

    /** What the step touched, before and after it, as `schemaChanges` takes it: all else is the same. Temporary objects must be forgotten. */
    changes(): { before: CatalogState; after: CatalogState } {
        const { objects } = this;
        const touched = objects.touched();
        const state = (get: (id: string) => IdentifiedObject | undefined): CatalogState => ({
            objects: touched.flatMap((id) => get(id) ?? []),
            byId: { get, has: (id) => get(id) !== undefined },
        });
        return { before: state((id) => objects.before(id)), after: state((id) => objects.get(id)) };
    }

    get(id: string): IdentifiedObject | undefined {
        return this.objects.get(id);
    }

    all(kind: ObjectKind): IdentifiedObject[] {
        return this.objects.ofKind(kind);
    }

    isTemporary(object: IdentifiedObject): boolean {
        return this.temporary.has(object.id) || (object.ofId !== undefined && this.temporary.has(object.ofId));
    }

    /** Finds by name, through the search path when no schema is written. */
    find(kinds: readonly ObjectKind[], { schema, name }: WrittenName): IdentifiedObject | undefined {
        const found = this.named(kinds, name);
        for (const candidate of schema === undefined ? [temporarySchema, ...this.path.schemas] : [schema]) {
            const object = found.find((o) => o.schema === null || this.schemaNames.get(o.schema) === candidate);
            if (object !== undefined) return object;
        }
        return undefined;
    }

    /** All of a name that the search path reaches (functions may share one), those of the first schema first. */
    findAll(kinds: readonly ObjectKind[], { schema, name }: WrittenName): IdentifiedObject[] {
        const found = this.named(kinds, name);
        return (schema === undefined ? [temporarySchema, ...this.path.schemas] : [schema]).flatMap((candidate) =>
            found.filter((o) => o.schema === null || this.schemaNames.get(o.schema) === candidate),
        );
    }

    /** A primary key, unique or exclusion constraint by its index's name, which is its own. */
    findIndexConstraint({ schema, name }: WrittenName): IdentifiedObject | undefined {
        for (const candidate of schema === undefined ? this.path.schemas : [schema]) {
            const found = this.constraintsNamed(candidate, name).find(hasIndex);
            if (found !== undefined) return found;
        }
        return undefined;
    }

    /** Constraints of a name on the tables of a schema. */
    constraintsNamed(schema: string, name: string): IdentifiedObject[] {
        return this.named(["constraint"], name).filter((constraint) => this.schemaName(constraint) === schema);
    }

    private named(kinds: readonly ObjectKind[], name: string): IdentifiedObject[] {
        return this.objects.named(name).filter((object) => kinds.includes(object.kind));
    }

    /** What the server names by its whole identity: operators and their classes, collations, casts, text search. */
    findIdentity(kind: ObjectKind, identity: string): IdentifiedObject | undefined {
        return this.all(kind).find(({ localName }) => localName === identity);
    }

    schemaExists(name: string): boolean {
        return this.schemaOid(name) !== undefined;
    }

    /** OID of a schema by its name, or what stands for it in the model. */
    schemaOid(name: string): string | undefined {
        for (const [oid, known] of this.schemaNames) if (known === name) return oid;
        return undefined;
    }

    /** The schema in which something without a written one is made. */
    creationSchema(): string | undefined {
        return this.path.schemas.find((name) => this.schemaExists(name));
    }

    /** The schema that an object, or the table it belongs to, is in; unquoted. */
    schemaName(object: IdentifiedObject): string | undefined {
        const oid = object.schema ?? (object.ofId === undefined ? undefined : this.objects.get(object.ofId)?.schema);
        return oid === undefined || oid === null ? undefined : this.schemaNames.get(oid);
    }

    /** A column, constraint, trigger, … of a table, by its own name. */
    part(kind: ObjectKind, table: IdentifiedObject, name: string): IdentifiedObject | undefined {
        return this.parts(table).find((object) => object.kind === kind && unquote(object.localName) === name);
    }

    /** Everything that belongs to a table. */
    parts(table: IdentifiedObject): IdentifiedObject[] {
        return this.objects.ownedBy(table.id);
    }

    /** Columns in their order. */
    columns(table: IdentifiedObject): IdentifiedObject[] {
        const position = ({ id }: IdentifiedObject): number => {
            const number = columnOf(id);
            // Those that were made are the last.
            return number.startsWith("n") ? 100_000 + Number(number.slice(1)) : Number(number);
        };
        return this.parts(table)
            .filter(({ kind }) => kind === "column")
            .sort((a, b) => position(a) - position(b));
    }

    /** Partitions at any depth, without inheritance children. */
    partitions(table: IdentifiedObject): IdentifiedObject[] {
        return this.directChildren(table)
            .filter(({ kind }) => kind === "partition")
            .flatMap((partition) => [partition, ...this.partitions(partition)]);
    }

    /** Partitions and inheritance children, at any depth. */
    children(table: IdentifiedObject): IdentifiedObject[] {
        return this.directChildren(table).flatMap((child) => [child, ...this.children(child)]);
    }

    directChildren(table: IdentifiedObject): IdentifiedObject[] {
        const ids = this.dependencies
            .on(table.id)
            .filter((d) => d.onSubid === "0" && d.subid === "0" && d.object.startsWith("pg_class/"))
            .map((d) => `${d.object}/0`);
        return [...new Set(ids)].flatMap((id) => {
            const object = this.objects.get(id);
            return object !== undefined && id !== table.id && tableKinds.includes(object.kind) ? [object] : [];
        });
    }

    /** The partitioned table, or the tables inherited from. */
    parents(table: IdentifiedObject): IdentifiedObject[] {
        const ids = this.dependencies
            .of(table.id)
            .filter((d) => d.subid === "0" && d.onSubid === "0" && d.on.startsWith("pg_class/"))
            .map((d) => `${d.on}/0`);
        return [...new Set(ids)].flatMap((id) => {
            const object = this.objects.get(id);
            return object !== undefined && tableKinds.includes(object.kind) ? [object] : [];
        });
    }

    /** The table that a foreign key refers to. */
    otherEnd(constraint: IdentifiedObject): IdentifiedObject | undefined {
        for (const { type, on } of this.dependencies.of(constraint.id)) {
            const table = this.objects.get(`${on}/0`);
            if (type === "n" && table !== undefined && tableKinds.includes(table.kind)) return table;
        }
        return undefined;
    }

    /** Foreign keys that other tables, or the table itself, have to a table. */
    referencing(table: IdentifiedObject): IdentifiedObject[] {
        const ids = this.dependencies
            .on(table.id)
            .filter(({ type }) => type === "n")
            .map(({ object }) => `${object}/0`);
        return [...new Set(ids)].flatMap((id) => {
            const object = this.objects.get(id);
            return object?.kind === "constraint" && /^FOREIGN KEY\b/.test(object.definition) ? [object] : [];
        });
    }

    /** What of the catalog's objects depends on an object or a column. */
    dependentsOf(object: IdentifiedObject): IdentifiedObject[] {
        const ids = this.dependencies.on(object.id).map((d) => `${d.object}/${d.subid}`);
        return [...new Set(ids)].flatMap((id) => this.objects.get(id) ?? []);
    }

    attached(kind: "comment" | "grant", target: IdentifiedObject, grantee: string): IdentifiedObject | undefined {
        return this.objects.get(`${kind}/${target.id}/${grantee}`);
    }
}
