import type { Node } from "libpg-query";
import type { IdentifiedObject } from "../catalog";
import { withParts } from "../column-definition";
import {
    nameOf,
    isSerial,
    quoteIdentifier,
    shown,
    typeText,
    writtenName,
    type RangeVar,
    type TypeName,
    type TypeResolver,
    type WrittenName,
} from "../identifiers";
import { indexName, weightOf, type LockMode } from "../locks";
import { relationKinds, tableKinds, typeKinds } from "./kinds";
import type { Model } from "./model";
import { strings, walk } from "../nodes";
import type { LockTaken, Opaque } from "../observation";
import { references } from "./references";
import { withoutColumn } from "./dependencies";
import type { RoutineEffects } from "./routine-effects";

/** What judging one step gathers, and the helpers that all kinds of statements share. */
export class JudgeContext {
    readonly locks: (LockTaken & { readonly table?: string })[] = [];
    readonly rewrites = new Set<string>();
    readonly opaque: Opaque[] = [];
    /** Line of the statement that is being judged. */
    line = 1;
    /** How the type of a name is spelled. */
    readonly resolveType: TypeResolver;

    constructor(
        readonly model: Model,
        readonly routines: RoutineEffects,
    ) {
        this.resolveType = (name) => resolveType(model, name);
    }

    /** Says that a statement's effect could not be seen whole. @param mayTakeRows see Opaque */
    unsure(why: string, mayTakeRows = false): void {
        if (!this.opaque.some((o) => o.line === this.line && o.why === why))
            this.opaque.push({ line: this.line, why, ...(mayTakeRows ? { mayTakeRows } : {}) });
    }

    /** Does something that may not happen: what cannot be is then no matter. */
    leniently(work: () => void): void {
        const known = this.opaque.length;
        work();
        this.opaque.length = known;
    }

    /** The state now, to come back to: with it go the locks that were taken since. */
    save(): () => void {
        const restoreModel = this.model.save();
        const locks = this.locks.length;
        const rewrites = [...this.rewrites];
        return () => {
            restoreModel();
            this.locks.length = locks;
            this.rewrites.clear();
            for (const name of rewrites) this.rewrites.add(name);
        };
    }

    /** Locks on what existed before; those on indexes and sequences only where the table's own is weaker. */
    visibleLocks(): LockTaken[] {
        return this.locks.filter(
            ({ mode, table }) =>
                table === undefined ||
                !this.locks.some((other) => other.relation === table && weightOf(other.mode) >= weightOf(mode)),
        );
    }

    /** A relation of a statement; one that is not known makes the statement opaque, unless it need not exist. */
    relation(range: RangeVar | undefined, missingOk = false): IdentifiedObject | undefined {
        return this.lookUp(relationKinds, nameOf(range), missingOk);
    }

    table(range: RangeVar | undefined, missingOk = false): IdentifiedObject | undefined {
        return this.lookUp(tableKinds, nameOf(range), missingOk);
    }

    lookUp(kinds: Parameters<Model["find"]>[0], name: WrittenName, missingOk: boolean): IdentifiedObject | undefined {
        const found = this.model.find(kinds, name);
        if (found === undefined) this.missing(kinds[0] ?? "object", name, missingOk);
        return found;
    }

    /** Of what is not in the model: IF EXISTS means that nothing happens, unless it is in a schema that the model does not hold. */
    missing(kind: string, name: WrittenName, missingOk: boolean): void {
        const where = name.schema ?? this.model.path.schemas.find(isHidden);
        if (where !== undefined && isHidden(where))
            this.unsure(`${kind} ${shown(name)} may be in schema ${where}, which is not looked into`);
        else if (!missingOk) this.unsure(`${kind} ${shown(name)} is not known`);
    }

    /** A type as the catalog spells it. */
    typeText(type: TypeName | undefined, modifiers = true): string {
        return typeText(type, modifiers, this.resolveType);
    }

    /** A collation as the catalog spells it; undefined where none is written. */
    collationText(clause: { readonly collname?: Node[] } | undefined): string | undefined {
        const parts = strings(clause?.collname);
        const [schema, name] = parts.length > 1 ? parts.slice(-2) : [undefined, parts[0]];
        if (name === undefined) return undefined;
        const path = schema === undefined ? this.model.path.schemas : [schema];
        const found = path.find((s) => {
            const identity = s === "public" ? quoteIdentifier(name) : shown({ schema: s, name });
            return this.model.findIdentity("collation", identity) !== undefined;
        });
        return shown(found === undefined ? writtenName(parts) : { schema: found, name });
    }

    /** Says where a type is not known. */
    checkType(type: TypeName | undefined): void {
        const name = writtenName(strings(type?.names));
        if (!isSerial(type) && type?.pct_type !== true && !this.model.hasNewExtension && !isKnownType(this.model, name))
            this.unsure(`type ${shown(name)} is not known`);
    }

    lock(mode: LockMode, relation: IdentifiedObject | undefined): void {
        const known = relation === undefined ? undefined : this.model.before(relation.id);
        if (known === undefined) return;
        const inner = known.kind === "index" || known.kind === "sequence";
        const table = inner && known.ofId !== undefined ? this.model.before(known.ofId)?.name : undefined;
        this.locks.push({ mode, relation: known.name, ...(table === undefined ? {} : { table }) });
    }

    /** Locks a table with its partitions and inheritance children. */
    lockTree(mode: LockMode, table: IdentifiedObject | undefined): void {
        if (table === undefined) return;
        for (const each of [table, ...this.model.children(table)]) this.lock(mode, each);
    }

    /** Locks the index of a constraint, which is no object of its own. */
    lockConstraintIndex(mode: LockMode, constraint: IdentifiedObject): void {
        const known = this.model.before(constraint.id);
        const table = known?.ofId === undefined ? undefined : this.model.before(known.ofId);
        if (known !== undefined && table !== undefined)
            this.locks.push({ mode, relation: indexName(table, known.localName), table: table.name });
    }

    rewrite(table: IdentifiedObject): void {
        for (const each of [table, ...this.model.children(table)]) this.rewriteAlone(each);
    }

    rewriteAlone(table: IdentifiedObject): void {
        const known = this.model.before(table.id);
        // A partitioned table has no storage of its own.
        if (known === undefined || known.storage === null || !tableKinds.includes(known.kind)) return;
        this.rewrites.add(known.name);
    }

    /** Records that an object needs what a piece of its statement names. `own`: what it cannot be without, and goes with. */
    needs(object: IdentifiedObject, tree: unknown, scope: readonly IdentifiedObject[] = [], own = "n"): void {
        const ofTable = scope.map(({ id }) => withoutColumn(id));
        for (const id of references(this.model, tree, scope)) {
            if (id === object.id) continue;
            // A table in scope is there anyway; what counts is its columns.
            if (scope.some((table) => table.id === id)) continue;
            this.model.dependencies.add(object.id, id, ofTable.includes(withoutColumn(id)) ? own : "n");
        }
    }

    /** Changes parts of a column's definition; undefined takes a part out. */
    setColumn(column: IdentifiedObject, parts: Parameters<typeof withParts>[1]): void {
        const now = this.model.get(column.id);
        if (now !== undefined) this.model.change(now, withParts(now.definition, parts));
    }

    /** Whether an expression calls a function that is VOLATILE. */
    isVolatile(tree: unknown): boolean {
        let found = false;
        walk(tree, (type, body) => {
            if (type === "FuncCall" && this.model.volatile.has(strings(body["funcname"] as Node[]).at(-1) ?? ""))
                found = true;
        });
        return found;
    }

    owner(object: IdentifiedObject): IdentifiedObject | undefined {
        return object.ofId === undefined ? undefined : this.model.get(object.ofId);
    }
}

/** Schemas whose objects no catalog lists. */
function isHidden(schema: string): boolean {
    return schema === "schemaward" || schema === "information_schema" || schema.startsWith("pg_");
}

function resolveType(model: Model, name: WrittenName): string | undefined {
    const own = model.find([...typeKinds, ...relationKinds.filter((k) => k !== "index" && k !== "sequence")], name);
    const known = model.typeSchemas.get(name.name) ?? [];
    if (name.schema === undefined && known.includes("pg_catalog")) return undefined;
    if (own !== undefined) return `${quoteIdentifier(model.schemaName(own) ?? "public")}.${own.localName}`;
    const schema = name.schema ?? model.path.schemas.find((s) => known.includes(s));
    return schema === undefined || !known.includes(schema)
        ? undefined
        : `${quoteIdentifier(schema)}.${quoteIdentifier(name.name)}`;
}

/** Whether a type is one that the model or the server knows. */
export function isKnownType(model: Model, name: WrittenName): boolean {
    return resolveType(model, name) !== undefined || (model.typeSchemas.get(name.name) ?? []).includes("pg_catalog");
}
