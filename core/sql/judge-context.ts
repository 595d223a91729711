import type { Node } from "libpg-query";
import type { IdentifiedObject } from "./catalog";
import type { RangeVar } from "./identifiers";
import { nameOf } from "./identifiers";
import type { LockMode } from "./locks";
import { relationKinds, tableKinds, type Model } from "./model";
import { strings, walk } from "./nodes";
import type { LockTaken } from "./observation";

/** What judging one step gathers, and the helpers that all kinds of statements share. */
export class JudgeContext {
    readonly locks: LockTaken[] = [];
    readonly rewrites = new Set<string>();
    readonly opaque: { line: number; why: string }[] = [];
    /** Relations by id that were there before the step, under their names of then. */
    private readonly before: ReadonlyMap<string, IdentifiedObject>;

    constructor(
        readonly model: Model,
        /** Names of functions that are VOLATILE somewhere. */
        readonly volatile: ReadonlySet<string>,
    ) {
        this.before = model.snapshot().byId;
    }

    /** A relation of the statement, if it is known. */
    relation(range: RangeVar | undefined): IdentifiedObject | undefined {
        return range === undefined ? undefined : this.model.find(relationKinds, nameOf(range));
    }

    table(range: RangeVar | undefined): IdentifiedObject | undefined {
        return range === undefined ? undefined : this.model.find(tableKinds, nameOf(range));
    }

    lock(mode: LockMode, relation: IdentifiedObject | undefined): void {
        const known = relation === undefined ? undefined : this.before.get(relation.id);
        if (known !== undefined) this.locks.push({ mode, relation: known.name });
    }

    /** Locks a table with its partitions and inheritance children. */
    lockTree(mode: LockMode, table: IdentifiedObject | undefined): void {
        if (table === undefined) return;
        for (const each of [table, ...this.model.children(table)]) this.lock(mode, each);
    }

    rewrite(table: IdentifiedObject): void {
        for (const each of [table, ...this.model.children(table)]) {
            const known = this.before.get(each.id);
            // A partitioned table has no storage of its own.
            if (known !== undefined && known.storage !== null && tableKinds.includes(known.kind))
                this.rewrites.add(known.name);
        }
    }

    /** Drops and takes the locks that this needs. */
    drop(targets: readonly IdentifiedObject[], cascade: boolean): void {
        for (const target of targets)
            if (target.kind === "partition") this.lock("ACCESS EXCLUSIVE", this.owner(target));
        const all = this.model.snapshot().byId;
        const at = (object: IdentifiedObject): IdentifiedObject | undefined =>
            object.ofId === undefined ? undefined : all.get(object.ofId);
        const { gone, touched } = this.model.drop(targets, cascade);
        for (const object of gone) {
            switch (object.kind) {
                case "table":
                case "partition":
                case "foreign table":
                case "view":
                case "materialized view":
                case "sequence":
                    this.lock("ACCESS EXCLUSIVE", object);
                    break;
                case "constraint":
                    this.lock("ACCESS EXCLUSIVE", at(object));
                    this.lock("ACCESS EXCLUSIVE", this.model.otherEnd(object, all));
                    break;
                case "column":
                case "trigger":
                case "policy":
                case "rule":
                case "index":
                    this.lock("ACCESS EXCLUSIVE", at(object));
                    break;
                default:
            }
        }
        for (const column of touched) this.lock("ACCESS EXCLUSIVE", this.owner(column));
    }

    owner(object: IdentifiedObject): IdentifiedObject | undefined {
        return object.ofId === undefined ? undefined : this.model.get(object.ofId);
    }

    /** Records that something needs the tables, columns, functions and types that a piece of its statement names. */
    dependOnNames(object: IdentifiedObject, tree: unknown): void {
        const columns = new Set<string>();
        const tables: IdentifiedObject[] = [];
        let star = false;
        walk(tree, (type, body) => {
            if (type === "ColumnRef") for (const name of strings(body["fields"] as Node[])) columns.add(name);
            if (type === "A_Star") star = true;
            const table = type === "RangeVar" ? this.relation(body as RangeVar) : undefined;
            if (table !== undefined) tables.push(table);
        });
        for (const table of tables) {
            const [catalog = "", oid = ""] = table.id.split("/");
            this.model.depend(object.id, `${catalog}/${oid}`, "0", "n");
            for (const part of this.model.parts(table)) {
                const name = part.localName.replace(/^"|"$/g, "");
                if (part.kind === "column" && (star || columns.has(name)))
                    this.model.depend(object.id, `${catalog}/${oid}`, part.id.split("/")[2] ?? "0", "n");
            }
        }
    }

    isVolatile(tree: unknown): boolean {
        let found = false;
        walk(tree, (type, body) => {
            if (type === "FuncCall" && this.volatile.has(strings(body["funcname"] as Node[]).at(-1) ?? ""))
                found = true;
        });
        return found;
    }
}
