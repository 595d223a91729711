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

/** What dropping some objects takes along. */
export interface Closure {
    /** `pg_class/16384/0`: everything that goes, inner parts included. */
    readonly visited: ReadonlySet<string>;
    /** What depends on it and does not go: without CASCADE, PostgreSQL refuses. */
    readonly blocking: readonly string[];
}

/** pg_depend in memory, found from both ends. */
export class Dependencies {
    private readonly byOn = new Map<string, Dependency[]>();
    private readonly byObject = new Map<string, Dependency[]>();

    /** Ended ones, which the lists may still hold. */
    private readonly gone = new WeakSet<Dependency>();

    copy(): Dependencies {
        const copied = new Dependencies();
        for (const key of this.byOn.keys()) copied.byOn.set(key, [...this.live(this.byOn, key)]);
        for (const key of this.byObject.keys()) copied.byObject.set(key, [...this.live(this.byObject, key)]);
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
        push(this.byOn, dependency.on, dependency);
        push(this.byObject, dependency.object, dependency);
    }

    /** What depends on an object, or on one of its columns. */
    on(id: string): readonly Dependency[] {
        const subid = columnOf(id);
        const all = this.live(this.byOn, withoutColumn(id));
        return subid === "0" ? all : all.filter((d) => d.onSubid === subid);
    }

    /** What an object, or one of its columns, depends on. */
    of(id: string): readonly Dependency[] {
        const subid = columnOf(id);
        const all = this.live(this.byObject, withoutColumn(id));
        return subid === "0" ? all : all.filter((d) => d.subid === subid);
    }

    /** Ends what `keep` says no to of the dependencies that an object (without its columns) has. */
    release(id: string, keep: (dependency: Dependency) => boolean = () => false): void {
        const key = withoutColumn(id);
        const subid = columnOf(id);
        const gone = this.live(this.byObject, key).filter((d) => d.subid === subid && !keep(d));
        this.removeAll(gone);
    }

    /** Forgets an object that is no more, as dependent and as depended on. */
    remove(id: string): void {
        this.removeAll(this.of(id));
        this.removeAll(this.on(id));
    }

    private removeAll(list: readonly Dependency[]): void {
        for (const dependency of list) this.gone.add(dependency);
    }

    /** Takes what is gone out of a list only when it is asked for: a schema's has thousands, each drop ends one of them. */
    private live(map: Map<string, Dependency[]>, key: string): Dependency[] {
        const list = map.get(key) ?? [];
        if (!list.some((d) => this.gone.has(d))) return list;
        const left = list.filter((d) => !this.gone.has(d));
        map.set(key, left);
        return left;
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

function push(map: Map<string, Dependency[]>, key: string, value: Dependency): void {
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
