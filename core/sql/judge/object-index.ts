import type { IdentifiedObject } from "../catalog";
import { bareName } from "../identifiers";
import type { ObjectKind } from "../observation";
import { isAttached } from "./kinds";

const none = Object.freeze<IdentifiedObject[]>([]) as IdentifiedObject[];

/** Objects by identity, own name, kind and the table that they belong to. */
export class ObjectIndex {
    private readonly objects = new Map<string, IdentifiedObject>();
    private readonly byName = new Map<string, Set<string>>();
    private readonly byKind = new Map<string, Set<string>>();
    private readonly byOwner = new Map<string, Set<string>>();
    /** Of those by owner, comments and grants: there are few, and they are looked for often. */
    private readonly attachedByOwner = new Map<string, Set<string>>();
    /** What each object that was put or taken since the mark was at the mark. */
    private readonly originals = new Map<string, IdentifiedObject | undefined>();

    copy(): ObjectIndex {
        const copied = new ObjectIndex();
        for (const object of this.objects.values()) copied.insert(object);
        for (const [id, original] of this.originals) copied.originals.set(id, original);
        return copied;
    }

    /** Makes the state now the one that `before` and `touched` speak of. */
    mark(): void {
        this.originals.clear();
    }

    /** An object as it was at the mark. */
    before(id: string): IdentifiedObject | undefined {
        return this.originals.has(id) ? this.originals.get(id) : this.objects.get(id);
    }

    /** Ids of what was put or taken since the mark. */
    touched(): string[] {
        return [...this.originals.keys()];
    }

    values(): IdentifiedObject[] {
        return [...this.objects.values()];
    }

    get(id: string): IdentifiedObject | undefined {
        return this.objects.get(id);
    }

    /** Of own name, unquoted and without arguments. */
    named(name: string): IdentifiedObject[] {
        return this.of(this.byName.get(name));
    }

    ofKind(kind: ObjectKind): IdentifiedObject[] {
        return this.of(this.byKind.get(kind));
    }

    ownedBy(id: string): IdentifiedObject[] {
        return this.of(this.byOwner.get(id));
    }

    /** Comments and grants on a table and on what belongs to it. */
    attachedTo(id: string): IdentifiedObject[] {
        return this.of(this.attachedByOwner.get(id));
    }

    private of(ids: ReadonlySet<string> | undefined): IdentifiedObject[] {
        if (ids === undefined || ids.size === 0) return none;
        const found: IdentifiedObject[] = [];
        for (const id of ids) {
            const object = this.objects.get(id);
            if (object !== undefined) found.push(object);
        }
        return found;
    }

    /** Puts an object in, or another state of it in the place of the old one. */
    put(object: IdentifiedObject): IdentifiedObject {
        this.take(object.id);
        if (!this.originals.has(object.id)) this.originals.set(object.id, undefined);
        this.insert(object);
        return object;
    }

    /** Puts an object in that is not there, as one that was always there. */
    insert(object: IdentifiedObject): void {
        this.objects.set(object.id, object);
        push(this.byName, bareName(object.localName), object.id);
        push(this.byKind, object.kind, object.id);
        if (object.ofId === undefined) return;
        push(this.byOwner, object.ofId, object.id);
        if (isAttached(object)) push(this.attachedByOwner, object.ofId, object.id);
    }

    take(id: string): void {
        const object = this.objects.get(id);
        if (object === undefined) return;
        if (!this.originals.has(id)) this.originals.set(id, object);
        this.objects.delete(id);
        this.byName.get(bareName(object.localName))?.delete(id);
        this.byKind.get(object.kind)?.delete(id);
        if (object.ofId === undefined) return;
        this.byOwner.get(object.ofId)?.delete(id);
        if (isAttached(object)) this.attachedByOwner.get(object.ofId)?.delete(id);
    }
}

function push(map: Map<string, Set<string>>, key: string, value: string): void {
    const set = map.get(key);
    if (set === undefined) map.set(key, new Set([value]));
    else set.add(value);
}
