import { identifierPattern } from "./identifiers";
import type { IdentifiedObject } from "./catalog";
import { keyOf } from "./catalog";
import type { CatalogChange, Observation, ObjectKind } from "./observation";
import type { DroppedNames } from "./dropped-names";

/** What happened to a schema between two looks at one database. */
export type SchemaChanges = Pick<Observation, "added" | "changed" | "renamed" | "dropped" | "rewrites">;

/** A schema at one moment, or those of its objects that may differ from another moment. */
export interface CatalogState {
    readonly objects: readonly IdentifiedObject[];
    /** Finds any object of that moment, also those that `objects` leaves out. */
    readonly byId: { get(id: string): IdentifiedObject | undefined; has(id: string): boolean };
}

/** Kinds that hold neither rows nor a position: dropped and made again under the same name, they are merely changed. */
const replaceable: readonly ObjectKind[] = [
    "constraint",
    "index",
    "view",
    "function",
    "procedure",
    "aggregate",
    "trigger",
    "type",
    "enum",
    "domain",
    "policy",
    "rule",
    "extension",
    "event trigger",
    "statistics",
    "publication",
    "collation",
    "operator",
    "operator class",
    "operator family",
    "cast",
    "text search configuration",
    "text search dictionary",
    "foreign data wrapper",
    "server",
    "language",
    "default privileges",
    "comment",
    "grant",
];

/** Kinds that are no loss by themselves: never called victims. */
const attached: readonly ObjectKind[] = ["comment", "grant", "default privileges"];

/**
 * Compares two states of one database by identity, so that a rename is no drop. What a partition only mirrors from its parent is left out.
 * @param liveNames names in the live database by `id`, for objects that exist there
 * @param storage the storage to compare with by `id`, where it is not that of `before` (after a TRUNCATE)
 * @param named what the step's statements drop by name
 */
export function schemaChanges(
    before: CatalogState,
    after: CatalogState,
    liveNames: ReadonlyMap<string, string>,
    storage: ReadonlyMap<string, string>,
    named: DroppedNames,
): SchemaChanges {
    const live = (id: string): { liveName?: string } => {
        const name = liveNames.get(id);
        return name === undefined ? {} : { liveName: name };
    };
    const gone: IdentifiedObject[] = [];
    const kept: Pair[] = [];
    for (const old of before.objects) {
        const now = after.byId.get(old.id);
        if (now !== undefined) kept.push({ old, now });
        else if (!old.inherited) gone.push(old);
    }
    const made = after.objects.filter((object) => !before.byId.has(object.id) && !object.inherited);
    const renamed: CatalogChange[] = [];
    const changed: CatalogChange[] = [];
    const rewrites: string[] = [];
    for (const { old, now } of kept) {
        if (isRenamed(old, now) && !now.inherited)
            renamed.push({ object: plain(now), renamedFrom: old.name, ...live(old.id) });
    }
    const isSame = renamer(kept.filter(({ old, now }) => isRenamed(old, now)));
    for (const { old, now } of kept) {
        if (!now.inherited && !isSame(old, now))
            changed.push({ object: plain(now), before: old.definition, ...live(old.id) });
        const base = storage.get(old.id) ?? old.storage;
        if (
            (old.kind === "table" || old.kind === "partition") &&
            base !== null &&
            now.storage !== null &&
            base !== now.storage
        )
            rewrites.push(old.name);
    }

    const again = new Map<string, IdentifiedObject>();
    for (const object of made) if (replaceable.includes(object.kind)) again.set(keyOf(object), object);
    const victims = findVictims(gone, after, named);
    const dropped: CatalogChange[] = [];
    for (const old of gone) {
        const now = again.size === 0 ? undefined : again.get(keyOf(old));
        if (now === undefined)
            dropped.push({ object: plain(old), ...live(old.id), ...(victims.has(old.id) ? { victim: true } : {}) });
        else if (!isSame(old, now)) changed.push({ object: plain(now), before: old.definition, ...live(old.id) });
    }
    const replaced = new Set(again.size === 0 ? [] : gone.map(keyOf));
    const added = made.filter((object) => again.get(keyOf(object)) === undefined || !replaced.has(keyOf(object)));
    return { added: added.map((object) => ({ object: plain(object) })), changed, renamed, dropped, rewrites };
}

/** Without what identifies it: observations are stored and shown. */
export function plain({ kind, name, of, definition }: IdentifiedObject): CatalogChange["object"] {
    return { kind, name, ...(of === undefined ? {} : { of }), definition };
}

function isRenamed(old: IdentifiedObject, now: IdentifiedObject): boolean {
    return !attached.includes(old.kind) && (old.localName !== now.localName || old.schema !== now.schema);
}

/** An object before and after. */
interface Pair {
    readonly old: IdentifiedObject;
    readonly now: IdentifiedObject;
}

/** Makes a test whether two definitions are the same but for the new names that these renames wrote into them. */
function renamer(renames: readonly Pair[]): (old: IdentifiedObject, now: IdentifiedObject) => boolean {
    if (renames.length === 0) return (old, now) => old.definition === now.definition;
    const bare = (name: string): string => name.replace(/\(.*$/, "");
    const words = new Map(renames.map(({ old, now }) => [bare(old.localName), bare(now.localName)]));
    const qualified = (name: string): string => (name.includes(".") ? name : `public.${name}`);
    const moves = renames
        .filter(({ old, now }) => old.schema !== null && old.schema !== now.schema)
        .map(({ old, now }) => ({ from: wholeName(bare(qualified(old.name))), to: bare(qualified(now.name)) }));
    const tokens = sameNames(words);
    return (before, after) => {
        const [old, now] = [before.definition, after.definition];
        if (old === now) return true;
        let text = old;
        for (const { from, to } of moves) text = text.replace(from, () => to);
        const moved = text;
        text = text.replace(identifierPattern, (word) => words.get(word) ?? word);
        // A view keeps the name of its own column: `people.mail AS email`.
        let kept = now;
        for (const [from, to] of words) kept = kept.replaceAll(`${to} AS ${from}`, to);
        if (text === now || text === kept) return true;
        // Other things may have one of the names, and keep it: then the old name counts as the new one. A column's type never does.
        const token = (definition: string): string =>
            definition.replace(identifierPattern, (word) => tokens.get(word) ?? word);
        return before.kind !== "column" && token(moved) === token(now);
    };
}

/** Finds a qualified name that is not the beginning of a longer one. */
function wholeName(name: string): RegExp {
    return new RegExp(
        `(?<![\\p{L}\\p{N}_$".])${name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}(?![\\p{L}\\p{N}_$"])`,
        "gu",
    );
}

/** One token for each group of names that became one another. */
function sameNames(words: ReadonlyMap<string, string>): Map<string, string> {
    const groups = new Map<string, Set<string>>();
    for (const [from, to] of words) {
        const joined = new Set([...(groups.get(from) ?? [from]), ...(groups.get(to) ?? [to])]);
        for (const word of joined) groups.set(word, joined);
    }
    return new Map([...groups].map(([word, group]) => [word, `<${[...group].sort().join("|")}>`]));
}

/**
 * Of what is gone, the `id`s of what the script did not ask for. Asked for is what a statement drops by name, what belongs to such
 * a table, and what its own table loses together with a column that is dropped by name.
 */
function findVictims(gone: readonly IdentifiedObject[], after: CatalogState, named: DroppedNames): Set<string> {
    const byId = new Map(gone.map((object) => [object.id, object]));
    const asked = new Map<string, boolean>();
    const isAsked = (object: IdentifiedObject): boolean => {
        const known = asked.get(object.id);
        if (known !== undefined) return known;
        const owner = object.ofId === undefined ? undefined : byId.get(object.ofId);
        // A cycle cannot ask for itself.
        asked.set(object.id, false);
        const answer =
            (owner !== undefined && asked.get(owner.id) === true) ||
            attached.includes(object.kind) ||
            named.has(object) ||
            (owner !== undefined ? isAsked(owner) : goesWithColumn(object, after, named));
        asked.set(object.id, answer);
        return answer;
    };
    return new Set(gone.filter((object) => !isAsked(object)).map(({ id }) => id));
}

function goesWithColumn(object: IdentifiedObject, after: CatalogState, named: DroppedNames): boolean {
    const table = object.ofId === undefined ? undefined : after.byId.get(object.ofId);
    if (table === undefined) return false;
    const mentioned = new Set<string>(object.definition.match(identifierPattern));
    return named.columnsOf(table).some((column) => object.kind === "sequence" || mentioned.has(column));
}
