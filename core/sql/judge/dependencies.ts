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

/** An object with what it depends on and what depends on it, its columns included. */
interface Node {
    /** `pg_class/16384/0`. */
    readonly whole: string;
    of: Entry[];
    on: Entry[];
}

/** A dependency in the lists of both ends; an ended one may stay in them for a while. */
interface Entry extends Dependency {
    /** `pg_class/16384/2`, as both are asked for all the time. */
    readonly id: string;
    readonly onId: string;
    readonly from: Node;
    readonly to: Node;
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
    private readonly nodes = new Map<string, Node>();

    copy(): Dependencies {
        const copied = new Dependencies();
        for (const { on } of this.nodes.values()) for (const entry of on) if (!entry.gone) copied.insert(entry);
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

    insert({ object, subid, on, onSubid, type }: Dependency): void {
        const from = this.node(object);
        const to = this.node(on);
        // One text for each: the same one is found far more quickly than one that is equal.
        const id = subid === "0" ? from.whole : `${object}/${subid}`;
        const onId = onSubid === "0" ? to.whole : `${on}/${onSubid}`;
        const entry: Entry = { object, subid, on, onSubid, type, id, onId, from, to, gone: false };
        from.of.push(entry);
        to.on.push(entry);
    }

    private node(key: string): Node {
        let node = this.nodes.get(key);
        if (node === undefined) this.nodes.set(key, (node = { whole: `${key}/0`, of: [], on: [] }));
        return node;
    }

    /** What depends on an object, or on one of its columns. */
    on(id: string): readonly Dependency[] {
        const { node, subid } = this.reach(id);
        return node === undefined ? [] : tidyOn(node).filter((d) => !d.gone && (subid === "0" || d.onSubid === subid));
    }

    /** What an object, or one of its columns, depends on. */
    of(id: string): readonly Dependency[] {
        const { node, subid } = this.reach(id);
        return node === undefined ? [] : tidyOf(node).filter((d) => !d.gone && (subid === "0" || d.subid === subid));
    }

    /** Ends what `keep` says no to of the dependencies that an object (without its columns) has. */
    release(id: string, keep: (dependency: Dependency) => boolean = () => false): void {
        const { node, subid } = this.reach(id);
        for (const entry of node?.of ?? []) if (!entry.gone && entry.subid === subid && !keep(entry)) entry.gone = true;
    }

    /** Forgets an object that is no more, as dependent and as depended on. */
    remove(id: string): void {
        const { node, subid } = this.reach(id);
        if (node === undefined) return;
        for (const entry of node.of) if (subid === "0" || entry.subid === subid) entry.gone = true;
        for (const entry of node.on) if (subid === "0" || entry.onSubid === subid) entry.gone = true;
        if (subid === "0") this.nodes.delete(withoutColumn(id));
    }

    /**
     * Everything that goes with the targets: inner parts and what depends automatically, with CASCADE whatever depends; an inner
     * part that is reached takes its whole along. Source: findDependentObjects in PostgreSQL's dependency.c.
     * @param besides what a visited object takes along that pg_depend does not say (a column its heirs)
     */
    closure(targets: readonly string[], cascade: boolean, besides: (id: string) => readonly string[]): Closure {
        const visited = new Set<string>();
        const refused: string[] = [];
        const roots = new Set(targets);
        const queue = targets.map((id) => this.reach(id));
        // What depends on columns of these has been looked at with the whole.
        const wholes = new Set<Node>();
        for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
            const { id, node, subid } = next;
            if (visited.has(id)) continue;
            visited.add(id);
            if (node !== undefined && !wholes.has(node)) {
                if (subid === "0") wholes.add(node);
                for (const entry of tidyOn(node)) {
                    if (entry.gone || (subid !== "0" && entry.onSubid !== subid)) continue;
                    if (entry.type === "n" && !cascade) refused.push(entry.id);
                    else queue.push({ id: entry.id, node: entry.from, subid: entry.subid });
                }
            }
            // PostgreSQL refuses to drop a part directly; reached on the way, its whole goes.
            if (node !== undefined && !roots.has(id))
                for (const entry of tidyOf(node))
                    if (!entry.gone && (entry.type === "i" || entry.type === "e") && entry.subid === subid)
                        queue.push({ id: entry.onId, node: entry.to, subid: entry.onSubid });
            for (const other of besides(id)) queue.push(this.reach(other));
        }
        const goes = (id: string): boolean => visited.has(id) || visited.has(`${withoutColumn(id)}/0`);
        return { visited, blocking: [...new Set(refused)].filter((id) => !goes(id)) };
    }

    private reach(id: string): { id: string; node: Node | undefined; subid: string } {
        return { id, node: this.nodes.get(withoutColumn(id)), subid: columnOf(id) };
    }
}

function tidyOn(node: Node): readonly Entry[] {
    return (node.on = tidied(node.on));
}

function tidyOf(node: Node): readonly Entry[] {
    return (node.of = tidied(node.of));
}

/** Ended ones are taken out of a list now and then only: a schema's has thousands, each drop ends one of them. */
function tidied(list: Entry[]): Entry[] {
    let ended = 0;
    for (const entry of list) if (entry.gone) ended++;
    return ended * 2 <= list.length ? list : list.filter(({ gone }) => !gone);
}

/** `pg_class/16384/2` → `pg_class/16384`. */
export function withoutColumn(id: string): string {
    return id.slice(0, id.lastIndexOf("/"));
}

/** `pg_class/16384/2` → `2`; of a whole object `0`. */
export function columnOf(id: string): string {
    return id.slice(id.lastIndexOf("/") + 1);
}
