/** One row of pg_depend. */
export interface Dependency {
    /** `pg_class/16384`: what depends, without column. */
    readonly object: string;
    /** Its column number, or 0. */
    readonly subid: string;
    readonly on: string;
    readonly onSubid: string;
    /** As pg_depend's deptype. */
    readonly type: string;
}

/** A dependency in both lists; an ended one may stay in them for a while. */
interface Entry {
    readonly dependency: Dependency;
    gone: boolean;
}

/** What dropping some objects takes along. */
export interface Closure {
    /** `pg_class/16384/0`: everything that goes, inner parts included. */
    readonly visited: ReadonlySet<string>;
    /** What depends on it and does not go: without CASCADE, PostgreSQL refuses. */
    readonly blocking: readonly string[];
}

/** pg_depend in memory, found from both ends. */
export class Dependencies {
    private readonly byOn = new Map<string, Entry[]>();
    private readonly byObject = new Map<string, Entry[]>();

    copy(): Dependencies {
        const copied = new Dependencies();
        for (const list of this.byOn.values())
            for (const { dependency, gone } of list) if (!gone) copied.insert(dependency);
        return copied;
    }

    /** Both as `pg_class/16384/2`. */
    add(id: string, on: string, type: string): void {
        this.insert({
            object: withoutColumn(id),
            subid: columnOf(id),
            on: withoutColumn(on),
            onSubid: columnOf(on),
            type,
        });
    }

    insert(dependency: Dependency): void {
        const entry = { dependency, gone: false };
        push(this.byOn, dependency.on, entry);
        push(this.byObject, dependency.object, entry);
    }

    /** What depends on an object, or on one of its columns. */
    on(id: string): readonly Dependency[] {
        const subid = columnOf(id);
        return live(this.byOn, withoutColumn(id), (d) => subid === "0" || d.onSubid === subid);
    }

    /** What an object, or one of its columns, depends on. */
    of(id: string): readonly Dependency[] {
        const subid = columnOf(id);
        return live(this.byObject, withoutColumn(id), (d) => subid === "0" || d.subid === subid);
    }

    /** Ends what `keep` says no to of the dependencies that an object (without its columns) has. */
    release(id: string, keep: (dependency: Dependency) => boolean = () => false): void {
        const subid = columnOf(id);
        end(this.byObject, withoutColumn(id), (d) => d.subid === subid && !keep(d));
    }

    /** Forgets an object that is no more, as dependent and as depended on. */
    remove(id: string): void {
        const key = withoutColumn(id);
        const subid = columnOf(id);
        end(this.byObject, key, (d) => subid === "0" || d.subid === subid);
        end(this.byOn, key, (d) => subid === "0" || d.onSubid === subid);
    }

    /**
     * Everything that goes with the targets: inner parts and what depends automatically, with CASCADE whatever depends; an inner
     * part that is reached takes its whole along. Source: findDependentObjects in PostgreSQL's dependency.c.
     * @param besides what a visited object takes along that pg_depend does not say (a column its heirs)
     */
    closure(targets: readonly string[], cascade: boolean, besides: (id: string) => Iterable<string>): Closure {
        const visited = new Set<string>();
        const refused: string[] = [];
        const roots = new Set(targets);
        const queue = [...targets];
        for (let id = queue.pop(); id !== undefined; id = queue.pop()) {
            if (visited.has(id)) continue;
            visited.add(id);
            const dependent = (d: Dependency): string => `${d.object}/${d.subid}`;
            for (const dependency of this.on(id)) {
                if (dependency.type === "n" && !cascade) refused.push(dependent(dependency));
                else queue.push(dependent(dependency));
            }
            // PostgreSQL refuses to drop a part directly; reached on the way, its whole goes.
            if (!roots.has(id))
                for (const d of this.of(id))
                    if ((d.type === "i" || d.type === "e") && d.subid === columnOf(id))
                        queue.push(`${d.on}/${d.onSubid}`);
            queue.push(...besides(id));
        }
        const goes = (id: string): boolean => visited.has(id) || visited.has(`${withoutColumn(id)}/0`);
        return { visited, blocking: [...new Set(refused)].filter((id) => !goes(id)) };
    }
}

const none: Entry[] = [];

/** Ended ones are taken out of a list now and then only: a schema's has thousands, each drop ends one of them. */
function listOf(map: Map<string, Entry[]>, key: string): readonly Entry[] {
    const list = map.get(key);
    if (list === undefined) return none;
    let ended = 0;
    for (const entry of list) if (entry.gone) ended++;
    if (ended * 2 <= list.length) return list;
    const left = list.filter(({ gone }) => !gone);
    if (left.length > 0) map.set(key, left);
    else map.delete(key);
    return left;
}

function live(map: Map<string, Entry[]>, key: string, wanted: (dependency: Dependency) => boolean): Dependency[] {
    const found: Dependency[] = [];
    for (const { dependency, gone } of listOf(map, key)) if (!gone && wanted(dependency)) found.push(dependency);
    return found;
}

function end(map: Map<string, Entry[]>, key: string, wanted: (dependency: Dependency) => boolean): void {
    for (const entry of listOf(map, key)) if (!entry.gone && wanted(entry.dependency)) entry.gone = true;
}

function push(map: Map<string, Entry[]>, key: string, value: Entry): void {
    const list = map.get(key);
    if (list === undefined) map.set(key, [value]);
    else list.push(value);
}

/** `pg_class/16384/2` → `pg_class/16384`. */
export function withoutColumn(id: string): string {
    return id.slice(0, id.lastIndexOf("/"));
}

/** `pg_class/16384/2` → `2`; of a whole object `0`. */
export function columnOf(id: string): string {
    return id.slice(id.lastIndexOf("/") + 1);
}
