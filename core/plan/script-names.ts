import type { Node } from "libpg-query";
import type { RangeVar } from "../sql/identifiers";
import { unquote } from "../sql/identifiers";
import { as, nodeType, strings, walk } from "../sql/nodes";
import type { CatalogChange } from "../sql/observation";
import type { Statement } from "../sql/statement";
import { splitLast } from "./names";

/** What a written name stands for: live tables by name parts, the first that exists; none: nobody can tell. */
export type Place = { readonly live: readonly (readonly string[])[] } | "made";

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
    private readonly tables = new Map<string, readonly string[] | "made">();
    private readonly columns = new Map<string, Map<string, string>>();
    private readonly temporary = new Set<string>();
    private readonly grown = new Set<string>();
    private path: Path;
    private localPath: Path;
    /** Whether something may have changed names that was not followed, until the step is over. */
    private unsure = false;

    place(relation: readonly string[]): Place {
        const name = relation.at(-1) ?? "";
        if (!this.unsure && relation.length === 1 && this.temporary.has(name)) return "made";
        const path = this.localPath ?? this.path;
        if (this.unsure || (relation.length === 1 && path === "unknown")) return { live: [] };
        const written = this.written(relation);
        const places = written.map((parts) => this.tables.get(keyOf(parts)) ?? parts);
        if (places[0] === "made") return "made";
        const live = places.filter((place) => place !== "made");
        return { live: live.some((parts) => this.grown.has(keyOf(parts))) ? [] : live };
    }

    /** A column's name in the live table. */
    column(live: readonly string[], column: string): string {
        return this.columns.get(keyOf(live))?.get(column) ?? column;
    }

    follow({ node, sql }: Statement): void {
        const type = nodeType(node);
        const body = as<Record<string, unknown>>(node, type) ?? {};
        if (type === "VariableSetStmt") this.set(body);
        else if (type === "DiscardStmt") this.endStep();
        else if (type === "TransactionStmt") this.unsure ||= body["kind"] === "TRANS_STMT_ROLLBACK_TO";
        else if (type === "RenameStmt") this.rename(body);
        else if (type === "AlterObjectSchemaStmt")
            this.move(body["relation"] as RangeVar | undefined, String(body["newschema"]));
        else if (type === "CreateStmt") this.make(body["relation"] as RangeVar, body["if_not_exists"] === true);
        else if (type === "CreateTableAsStmt")
            this.make((body["into"] as { rel?: RangeVar }).rel, body["if_not_exists"] === true);
        else if (type === "DropStmt") this.drop((body["objects"] ?? []) as Node[]);
        else if (type === "AlterTableStmt") this.grow(body);
        else if (type === "DoStmt" || type === "CallStmt") {
            if (/search_path|\brename\b|\bset\s+schema\b|\btemp(?:orary)?\b/i.test(sql)) this.unsure = true;
        } else
            walk(node, (t, call) => {
                if (t === "FuncCall" && strings(call["funcname"] as Node[]).at(-1) === "set_config")
                    this.path = "unknown";
            });
    }

    /** After a transaction: what was set for it alone is as before. */
    endUnit(): void {
        this.localPath = undefined;
    }

    /** Another session may follow, with the run's own settings. @param renamed what the step renamed, also in code */
    endStep(renamed: readonly CatalogChange[] = []): void {
        this.path = undefined;
        this.localPath = undefined;
        this.unsure = false;
        this.temporary.clear();
        for (const { object, liveName } of renamed) {
            if (liveName === undefined) continue;
            if (object.kind !== "column") this.tables.set(keyOf(partsOf(object.name)), partsOf(liveName));
            else {
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

    private rename({ renameType, relationType, relation, subname = "", newname = "" }: Rename): void {
        if (relation === undefined) return;
        const parts = partsOfRange(relation);
        const place = this.place(parts);
        if (renameType === "OBJECT_COLUMN" || (renameType === "OBJECT_ATTRIBUTE" && relationType === "OBJECT_TABLE")) {
            if (place !== "made")
                for (const live of place.live) this.renameColumn(live, this.column(live, subname), newname);
        } else if (/^OBJECT_(?:TABLE|VIEW|MATVIEW|FOREIGN_TABLE)$/.test(renameType ?? ""))
            this.put([...parts.slice(0, -1), newname], parts, place);
    }

    private move(relation: RangeVar | undefined, schema: string): void {
        if (relation === undefined) return;
        const parts = partsOfRange(relation);
        this.put([schema, parts.at(-1) ?? ""], parts, this.place(parts));
    }

    private put(now: readonly string[], before: readonly string[], place: Place): void {
        for (const old of this.written(before)) this.tables.delete(keyOf(old));
        const first = place === "made" ? place : place.live[0];
        for (const parts of this.written(now)) if (first !== undefined) this.tables.set(keyOf(parts), first);
    }

    private make(relation: RangeVar | undefined, perhaps: boolean): void {
        if (relation === undefined || perhaps) return;
        const parts = partsOfRange(relation);
        if ((relation as { relpersistence?: string }).relpersistence === "t") this.temporary.add(parts.at(-1) ?? "");
        else this.tables.set(keyOf(this.written(parts)[0] ?? parts), "made");
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
        for (const item of (body["cmds"] ?? []) as Node[]) {
            const command = as<{ subtype?: string; def?: Node }>(item, "AlterTableCmd");
            const written =
                command?.subtype === "AT_AttachPartition"
                    ? (body["relation"] as RangeVar)
                    : command?.subtype === "AT_AddInherit"
                      ? as<RangeVar>(command.def, "RangeVar")
                      : undefined;
            const place = written === undefined ? "made" : this.place(partsOfRange(written));
            if (place !== "made") for (const live of place.live) this.grown.add(keyOf(live));
        }
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
