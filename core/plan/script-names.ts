import type { Node } from "libpg-query";
import type { RangeVar } from "../sql/identifiers";
import { unquote } from "../sql/identifiers";
import { as, nodeType, strings, textOf, walk } from "../sql/nodes";
import type { CatalogChange } from "../sql/observation";
import type { Statement } from "../sql/statement";
import { splitLast } from "./names";

/** What a written name stands for: live tables by name parts, the first that exists; none: nobody can tell. */
export type Place = { readonly live: readonly (readonly string[])[] } | Made;

/** A relation that the scripts make, or make anew. */
export interface Made {
    /** Each name that it ever has, as written, or with the search_path's schema. */
    readonly names: (readonly string[])[];
    /** Whose rows are changed through it: what a view selects from, what a table takes in by ATTACH PARTITION or INHERIT. */
    readonly over: Place[];
    /** Tables that show its rows as theirs. */
    readonly under: readonly Place[];
    readonly isView: boolean;
}

export function isMade(place: Place): place is Made {
    return "names" in place;
}

/** All that is changed with what is at a place, itself first. */
export function reach(place: Place, seen: readonly Place[] = []): Place[] {
    if (!isMade(place) || seen.includes(place)) return [place];
    return [place, ...place.over.flatMap((other) => reach(other, [...seen, place]))];
}

interface VariableSet {
    readonly kind?: string;
    readonly name?: string;
    readonly args?: Node[];
    readonly is_local?: boolean;
}

interface Rename {
    readonly renameType?: string;
    readonly relationType?: string;
    readonly relation?: RangeVar;
    readonly subname?: string;
    readonly newname?: string;
}

type Path = readonly string[] | "unknown" | undefined;

/**
 * What the names in scripts stand for in the live database by the time that a statement runs: after renames and moves, with tables that
 * the scripts make, in the search_path that they set. Statements are followed in order.
 */
export class ScriptNames {
    private readonly tables = new Map<string, readonly string[] | Made>();
    private readonly columns = new Map<string, Map<string, string>>();
    private readonly temporary = new Map<string, { readonly made: Made; readonly untilCommit: boolean }>();
    private readonly grown = new Map<string, readonly string[]>();
    private path: Path;
    private localPath: Path;
    /** Whether something may have changed names that was not followed, until the step is over. */
    private unsure = false;

    place(relation: readonly string[]): Place {
        const name = relation.at(-1) ?? "";
        const temporary = relation.length === 1 ? this.temporary.get(name)?.made : undefined;
        if (!this.unsure && temporary !== undefined) return temporary;
        const path = this.localPath ?? this.path;
        if (this.unsure || (relation.length === 1 && path === "unknown")) return { live: [] };
        const written = this.written(relation);
        const places = written.map((parts) => this.tables.get(keyOf(parts)) ?? parts);
        const [first] = places;
        if (first !== undefined && isNew(first)) return first;
        const live = places.flatMap((place) => (isNew(place) ? [] : [place]));
        return { live: live.some((parts) => this.grown.has(keyOf(parts))) ? [] : live };
    }

    /** A column's name in the live table. */
    column(live: readonly string[], column: string): string {
        return this.columns.get(keyOf(live))?.get(column) ?? column;
    }

    /** Whether some table has a column that the scripts gave this name; those under it have it, too. */
    isRenamed(column: string): boolean {
        return [...this.columns.values()].some((names) => names.has(column));
    }

    /** Tables that have taken in others, so that their rows are not all counted. */
    get grownTables(): readonly (readonly string[])[] {
        return [...this.grown.values()];
    }

    follow({ node, sql }: Statement): void {
        const type = nodeType(node);
        const body = as<Record<string, unknown>>(node, type) ?? {};
        if (type === "VariableSetStmt") this.set(body);
        else if (type === "DiscardStmt") this.discard(body["target"]);
        else if (type === "TransactionStmt") this.unsure ||= body["kind"] === "TRANS_STMT_ROLLBACK_TO";
        else if (type === "RenameStmt") this.rename(body);
        else if (type === "AlterObjectSchemaStmt")
            this.move(body["relation"] as RangeVar | undefined, String(body["newschema"]));
        else if (type === "CreateStmt") this.create(body);
        else if (type === "ViewStmt")
            this.make(body["view"] as RangeVar, {
                ...nothing,
                over: [this.source(body["query"] as Node)],
                isView: true,
            });
        else if (type === "CreateTableAsStmt" && body["if_not_exists"] !== true)
            this.make((body["into"] as Into).rel, nothing, (body["into"] as Into).onCommit);
        else if (type === "DropStmt") this.drop((body["objects"] ?? []) as Node[]);
        else if (type === "AlterTableStmt") this.grow(body);
        else if (type === "DoStmt" || type === "CallStmt") {
            if (/search_path|\brename\b|\bset\s+schema\b|\btemp(?:orary)?\b/i.test(sql)) this.unsure = true;
        } else
            walk(node, (t, call) => {
                if (t === "FuncCall" && setsPath(call)) this.path = "unknown";
            });
    }

    /** After a transaction: what was set for it alone is as before. */
    endUnit(): void {
        this.localPath = undefined;
        for (const [name, { untilCommit }] of [...this.temporary]) if (untilCommit) this.temporary.delete(name);
    }

    /** Another session may follow, with the run's own settings. @param renamed what the step renamed, also in code */
    endStep(renamed: readonly CatalogChange[] = []): void {
        this.path = undefined;
        this.localPath = undefined;
        this.unsure = false;
        this.temporary.clear();
        for (const { object, liveName } of renamed) {
            if (liveName === undefined) continue;
            if (object.kind !== "column") {
                const key = keyOf(partsOf(object.name));
                const now = this.tables.get(key);
                // A view that was made anew is not what it was, whatever its name.
                if (object.kind !== "view" || now === undefined || !isNew(now)) this.tables.set(key, partsOf(liveName));
            } else {
                const [table, column] = splitLast(liveName);
                this.renameColumn(partsOf(table), unquote(column), unquote(splitLast(object.name)[1]));
            }
        }
    }

    private set(body: VariableSet): void {
        if (body.kind === "VAR_RESET_ALL") this.path = this.localPath = undefined;
        if (body.name !== "search_path") return;
        const schemas = (body.args ?? []).map((arg) => as<{ sval?: { sval?: string } }>(arg, "A_Const")?.sval?.sval);
        const path =
            body.kind === "VAR_SET_VALUE" ? known(schemas) : body.kind === "VAR_SET_CURRENT" ? "unknown" : undefined;
        if (body.is_local === true) this.localPath = path;
        else this.path = path;
    }

    private discard(target: unknown): void {
        if (target === "DISCARD_ALL") this.path = this.localPath = undefined;
        if (target === "DISCARD_ALL" || target === "DISCARD_TEMP") this.temporary.clear();
    }

    private rename({ renameType, relationType, relation, subname = "", newname = "" }: Rename): void {
        // Every name in it is another's then.
        this.unsure ||= renameType === "OBJECT_SCHEMA";
        if (relation === undefined) return;
        const parts = partsOfRange(relation);
        const place = this.place(parts);
        if (renameType === "OBJECT_COLUMN" || (renameType === "OBJECT_ATTRIBUTE" && relationType === "OBJECT_TABLE")) {
            // The columns of a view have names of their own.
            for (const each of isMade(place) && place.isView ? [] : reach(place))
                for (const live of isMade(each) ? [] : each.live)
                    this.renameColumn(live, this.column(live, subname), newname);
        } else if (/^OBJECT_(?:TABLE|VIEW|MATVIEW|FOREIGN_TABLE)$/.test(renameType ?? ""))
            this.put([...parts.slice(0, -1), newname], parts, place);
    }

    private move(relation: RangeVar | undefined, schema: string): void {
        if (relation === undefined) return;
        const parts = partsOfRange(relation);
        this.put([schema, parts.at(-1) ?? ""], parts, this.place(parts));
    }

    private put(now: readonly string[], before: readonly string[], place: Place): void {
        const name = before.at(-1) ?? "";
        const temporary = before.length === 1 ? this.temporary.get(name) : undefined;
        if (temporary !== undefined) {
            this.temporary.delete(name);
            this.temporary.set(now.at(-1) ?? "", temporary);
            return;
        }
        for (const old of this.written(before)) this.tables.delete(keyOf(old));
        const first = isMade(place) ? place : place.live[0];
        for (const parts of this.written(now)) if (first !== undefined) this.tables.set(keyOf(parts), first);
        if (isMade(place)) place.names.push(...this.written(now));
    }

    private create(body: Readonly<Record<string, unknown>>): void {
        if (body["if_not_exists"] === true) return;
        const parents = ((body["inhRelations"] ?? []) as Node[]).flatMap((n) => as<RangeVar>(n, "RangeVar") ?? []);
        const under = parents.map((parent) => this.place(partsOfRange(parent)));
        const made = this.make(body["relation"] as RangeVar, { ...nothing, under }, textOf(body["oncommit"]));
        for (const parent of under) if (isMade(parent) && made !== undefined) parent.over.push(made);
    }

    private make(relation: RangeVar | undefined, what: Omit<Made, "names">, onCommit?: string): Made | undefined {
        if (relation === undefined) return undefined;
        const parts = partsOfRange(relation);
        const written = this.written(parts)[0] ?? parts;
        const made = { ...what, names: [written], over: [...what.over] };
        if (relation.relpersistence === "t")
            this.temporary.set(parts.at(-1) ?? "", { made, untilCommit: onCommit === "ONCOMMIT_DROP" });
        else this.tables.set(keyOf(written), made);
        return made;
    }

    /** Through a view that selects from one relation its rows can be changed; of all others nobody can tell. */
    private source(query: Node): Place {
        const select = as<{ fromClause?: Node[]; withClause?: unknown }>(query, "SelectStmt");
        const from = select?.fromClause ?? [];
        const relation = as<RangeVar>(from[0], "RangeVar");
        return from.length !== 1 || relation === undefined || select?.withClause !== undefined
            ? { live: [] }
            : this.place(partsOfRange(relation));
    }

    private drop(objects: readonly Node[]): void {
        for (const object of objects) {
            const parts = strings(as<{ items?: Node[] }>(object, "List")?.items);
            if (parts.length === 1 && this.temporary.delete(parts[0] ?? "")) continue;
            for (const each of this.written(parts)) this.tables.delete(keyOf(each));
        }
    }

    /** A table that gets the rows of others by ATTACH PARTITION or INHERIT: those are not in its count. */
    private grow(body: Readonly<Record<string, unknown>>): void {
        const own = body["relation"] as RangeVar;
        for (const item of (body["cmds"] ?? []) as Node[]) {
            const command = as<{ subtype?: string; def?: Node }>(item, "AlterTableCmd");
            const partition = as<{ name?: RangeVar }>(command?.def, "PartitionCmd")?.name;
            const parent = as<RangeVar>(command?.def, "RangeVar");
            if (command?.subtype === "AT_AttachPartition" && partition !== undefined) this.takeIn(own, partition);
            else if (command?.subtype === "AT_AddInherit" && parent !== undefined) this.takeIn(parent, own);
        }
    }

    private takeIn(parent: RangeVar, child: RangeVar): void {
        const place = this.place(partsOfRange(parent));
        if (isMade(place)) {
            place.over.push(this.place(partsOfRange(child)));
            for (const name of place.names) this.grown.set(keyOf(name), name);
        }
        this.markGrown(place);
    }

    private markGrown(place: Place): void {
        if (isMade(place)) for (const each of place.under) this.markGrown(each);
        else for (const live of place.live) this.grown.set(keyOf(live), live);
    }

    private renameColumn(live: readonly string[], column: string, now: string): void {
        const names = this.columns.get(keyOf(live)) ?? new Map<string, string>();
        for (const [current, old] of [...names]) if (old === column) names.delete(current);
        this.columns.set(keyOf(live), names.set(now, column));
    }

    /** The name with each schema that it may be in. */
    private written(parts: readonly string[]): readonly (readonly string[])[] {
        const path = this.localPath ?? this.path;
        return parts.length > 1 || path === undefined || path === "unknown" ? [parts] : path.map((s) => [s, ...parts]);
    }
}

interface Into {
    readonly rel?: RangeVar;
    readonly onCommit?: string;
}

const nothing: Omit<Made, "names"> = { over: [], under: [], isView: false };

function isNew(place: readonly string[] | Made): place is Made {
    return !Array.isArray(place);
}

/** Whether set_config is called for the search_path, or for what cannot be told. */
function setsPath(call: Readonly<Record<string, unknown>>): boolean {
    const [setting] = (call["args"] ?? []) as Node[];
    const name = as<{ sval?: { sval?: string } }>(setting, "A_Const")?.sval?.sval;
    return (
        strings(call["funcname"] as Node[]).at(-1) === "set_config" &&
        (name === undefined || name.toLowerCase() === "search_path")
    );
}

/** A search_path as far as it can be followed; that of a new session is undefined. */
function known(schemas: readonly (string | undefined)[]): Path {
    const named = schemas.filter((s) => s !== undefined);
    if (named.join() === "$user,public") return undefined;
    return named.length !== schemas.length || named.includes("$user") ? "unknown" : named;
}

/** A name's parts as written: `audit`, `Log`. */
export function partsOfRange({ schemaname, relname }: RangeVar): string[] {
    return [schemaname, relname].filter((part) => part !== undefined);
}

/** `audit."Log"` → audit, Log. */
function partsOf(name: string): string[] {
    const [schema, local] = splitLast(name);
    return (schema === "" ? [local] : [schema, local]).map(unquote);
}

function keyOf(parts: readonly string[]): string {
    return (parts[0] === "public" ? parts.slice(1) : parts).join("\0");
}
