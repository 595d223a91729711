import { FailedError, RefusedError } from "../errors";
import { type Cluster, fieldManager, type KubernetesObject } from "./cluster";
import type { GateTools, ObjectPlace } from "./part";

/** In what is stopped, the annotation that says who stopped it, when, and what it was like before. */
export const gateAnnotation = "schemaward.dev/gate";

/** What the annotation says, as JSON. */
export interface Mark {
    /** `SYSTEM/DATABASE/SET` */
    readonly owner: string;
    readonly run: string;
    /** ISO 8601, UTC. */
    readonly at: string;
    /** What it was like; its members are its kind's own. */
    readonly was: Readonly<Record<string, unknown>>;
}

/** Tries against others who change the same object at the same time. */
const tries = 20;

export function pathOf({ apiVersion, plural, namespace, name }: ObjectPlace): string {
    return `${collectionPath({ apiVersion, plural, namespace })}/${encodeURIComponent(name)}`;
}

export function collectionPath({
    apiVersion,
    plural,
    namespace,
}: Pick<ObjectPlace, "apiVersion" | "plural" | "namespace">): string {
    const prefix = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
    return `${prefix}/namespaces/${encodeURIComponent(namespace)}/${plural}`;
}

export function groupOf({ apiVersion }: Pick<ObjectPlace, "apiVersion">): string {
    return apiVersion.includes("/") ? (apiVersion.split("/")[0] ?? "") : "";
}

/** The same thing, however often it is looked for: `physioflow-prod/Deployment/api`. */
export function keyOf({ namespace, resource, name }: ObjectPlace): string {
    return `${namespace}/${resource}/${name}`;
}

/** As people call it: `Deployment physioflow-prod/api`. */
export function placeText({ namespace, resource, name }: ObjectPlace): string {
    return `${resource} ${namespace}/${name}`;
}

/** @returns undefined where nobody has stopped it; a mark that cannot be read is somebody else's */
export function readMark(object: KubernetesObject): Mark | undefined {
    const text = object.metadata.annotations?.[gateAnnotation];
    if (text === undefined) return undefined;
    try {
        const { owner, run, at, was } = JSON.parse(text) as Partial<Mark>;
        if (typeof owner === "string" && typeof run === "string" && typeof was === "object")
            return { owner, run, at: at ?? "", was };
    } catch {
        // Told below.
    }
    return { owner: "somebody unknown", run: "", at: "", was: {} };
}

/**
 * Remembers in an object what it is like, unless that was done before: a second time would remember what was made of it. In one change,
 * guarded by its resourceVersion.
 * @param was what is remembered
 * @param change what else changes with it, as a merge patch
 * @returns the object as it is now, and what its mark says; undefined where it is gone
 * @throws RefusedError where another owner has stopped it
 */
export async function mark(
    { cluster, owner, runId }: GateTools & { readonly cluster: Cluster },
    place: ObjectPlace,
    was: (object: KubernetesObject) => Mark["was"],
    change: (object: KubernetesObject) => Readonly<Record<string, unknown>> = () => ({}),
): Promise<{ readonly object: KubernetesObject; readonly mark: Mark } | undefined> {
    const path = pathOf(place);
    for (let i = 0; i < tries; i++) {
        const object = await cluster.get(path);
        if (object === undefined) return undefined;
        const found = readMark(object);
        if (found !== undefined && found.owner !== owner) throw stoppedByOther(place, found);
        const made = found ?? { owner, run: runId, at: new Date().toISOString(), was: was(object) };
        const more = change(object);
        if (found !== undefined && Object.keys(more).length === 0) return { object, mark: found };
        const { resourceVersion } = object.metadata;
        const annotations = found === undefined ? { annotations: { [gateAnnotation]: JSON.stringify(made) } } : {};
        const patched = await cluster.patch(path, "merge-patch", {
            metadata: { resourceVersion, ...annotations },
            ...more,
        });
        if (patched === undefined) return undefined;
        if (patched !== "conflict") return { object: patched, mark: made };
    }
    throw busy(place);
}

/**
 * Takes our mark away, with whatever else puts the object back.
 * @param change by what is remembered; of an object without a mark of ours, `undefined` is given. Nothing: it stays as it is.
 */
export async function unmark(
    { cluster, owner }: GateTools & { readonly cluster: Cluster },
    place: ObjectPlace,
    change: (object: KubernetesObject, mark: Mark | undefined) => Readonly<Record<string, unknown>>,
): Promise<void> {
    const path = pathOf(place);
    for (let i = 0; i < tries; i++) {
        const object = await cluster.get(path);
        if (object === undefined) return;
        const found = readMark(object);
        const ours = found?.owner === owner ? found : undefined;
        if (found !== undefined && ours === undefined) return;
        const more = change(object, ours);
        if (ours === undefined && Object.keys(more).length === 0) return;
        const { resourceVersion } = object.metadata;
        const annotations = ours === undefined ? {} : { annotations: { [gateAnnotation]: null } };
        const patched = await cluster.patch(path, "merge-patch", {
            metadata: { resourceVersion, ...annotations },
            ...more,
        });
        if (patched !== "conflict") return;
    }
    throw busy(place);
}

/**
 * Gives up what we have become the manager of, without changing a value: so Pulumi's server-side apply meets no conflict. An entry of
 * managedFields may be taken out by anybody who may change the object.
 */
export async function releaseFields(cluster: Cluster, place: ObjectPlace): Promise<void> {
    const path = pathOf(place);
    for (let i = 0; i < tries; i++) {
        const object = await cluster.get(path);
        const entries = object?.metadata.managedFields ?? [];
        const index = entries.findIndex((entry) => entry.manager === fieldManager);
        if (object === undefined || index < 0) return;
        const patched = await cluster.patch(path, "json-patch", [
            { op: "test", path: "/metadata/resourceVersion", value: object.metadata.resourceVersion },
            { op: "remove", path: `/metadata/managedFields/${index}` },
        ]);
        // Of an object with several entries of ours the next round takes the next one.
        if (patched === undefined) return;
    }
    throw busy(place);
}

function stoppedByOther(place: ObjectPlace, { owner, run, at }: Mark): RefusedError {
    return new RefusedError({
        what: `${placeText(place)} is stopped already by ${owner}${run === "" ? "" : `, run ${run}`}${at === "" ? "" : `, since ${at}`}.`,
        where: { object: gateAnnotation },
        state: "It was not touched by this run.",
        next: `Let that run end or resume first (schemaward resume, for its database and set). If it is gone for good: kubectl annotate ${place.resource.toLowerCase()} ${place.name} -n ${place.namespace} ${gateAnnotation}-, once it is scaled as it should be.`,
    });
}

function busy(place: ObjectPlace): FailedError {
    return new FailedError({
        what: `${placeText(place)} is changed by others all the time: ${tries} tries to change it met a newer version.`,
        next: "See who changes it (its managedFields say), then run the same command again.",
    });
}
