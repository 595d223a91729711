import { setTimeout as pause } from "node:timers/promises";
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

/** What changes in an object, as a merge patch has it. */
export interface Change {
    readonly annotations?: Readonly<Record<string, string | null>>;
    readonly spec?: Readonly<Record<string, unknown>>;
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

/** Where the pods of a namespace are listed. */
export function podsPath(namespace: string): string {
    return collectionPath({ apiVersion: "v1", plural: "pods", namespace });
}

/** Whether it is one of Kubernetes' own workloads, and no custom resource: of others only their scale subresource knows the count. */
export function isOwnKind({ apiVersion }: Pick<ObjectPlace, "apiVersion">): boolean {
    return apiVersion === "apps/v1";
}

export function groupOf({ apiVersion }: Pick<ObjectPlace, "apiVersion">): string {
    return apiVersion.includes("/") ? (apiVersion.split("/")[0] ?? "") : "";
}

/** The same thing, however often it is looked for: `physioflow-prod/Deployment/api`. */
export function keyOf({ namespace, resource, name }: ObjectPlace): string {
    return `${namespace}/${resource}/${name}`;
}

/** Labels as Kubernetes writes a selector, in order; empty where there are none. */
export function labelsText(labels: Readonly<Record<string, string>>): string {
    return Object.entries(labels)
        .map(([label, value]) => `${label}=${value}`)
        .sort()
        .join(",");
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
        const { owner, run, at, was } = JSON.parse(text) as Partial<{ readonly [K in keyof Mark]: Mark[K] | null }>;
        if (typeof owner === "string" && typeof run === "string" && typeof was === "object" && was !== null)
            return { owner, run, at: at ?? "", was };
    } catch {
        // Told below.
    }
    return { owner: "somebody unknown", run: "", at: "", was: {} };
}

/**
 * Sees that nobody else has stopped it. Changes nothing.
 * @throws RefusedError where another owner has
 */
export async function refuseOthers(
    { cluster, owner }: GateTools & { readonly cluster: Cluster },
    place: ObjectPlace,
): Promise<void> {
    const object = await cluster.get(pathOf(place));
    const found = object === undefined ? undefined : readMark(object);
    if (found !== undefined && found.owner !== owner) throw stoppedByOther(place, found);
}

/**
 * Remembers in an object what it is like, in one change, guarded by its resourceVersion.
 * @param was what is remembered, by what was before: of what is stopped already, only an earlier mark knows what it was like
 * @param change what else changes with it
 * @returns whether it is there
 * @throws RefusedError where another owner has stopped it
 */
export async function mark(
    { cluster, owner, runId }: GateTools & { readonly cluster: Cluster },
    place: ObjectPlace,
    was: (object: KubernetesObject, before: Mark["was"] | undefined) => Mark["was"] | Promise<Mark["was"]>,
    change: (object: KubernetesObject) => Change = () => ({}),
): Promise<boolean> {
    const path = pathOf(place);
    for (let i = 0; i < tries; i++) {
        const object = await cluster.get(path);
        if (object === undefined) return false;
        const found = readMark(object);
        if (found !== undefined && found.owner !== owner) throw stoppedByOther(place, found);
        const now = await was(object, found?.was);
        const isKnown = found !== undefined && JSON.stringify(found.was) === JSON.stringify(now);
        const more = change(object);
        if (isKnown && isNothing(more)) return true;
        const made: Mark = { owner, run: runId, at: new Date().toISOString(), was: now };
        const annotation = isKnown ? {} : { [gateAnnotation]: JSON.stringify(made) };
        const patched = await cluster.patch(path, "merge-patch", patchOf(object, more, annotation));
        if (patched !== "conflict") return patched !== undefined;
        await pauseBefore(i);
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
    change: (object: KubernetesObject, was: Mark["was"] | undefined) => Change = () => ({}),
): Promise<void> {
    const path = pathOf(place);
    for (let i = 0; i < tries; i++) {
        const object = await cluster.get(path);
        if (object === undefined) return;
        const found = readMark(object);
        const ours = found?.owner === owner ? found : undefined;
        if (found !== undefined && ours === undefined) return;
        const more = change(object, ours?.was);
        if (ours === undefined && isNothing(more)) return;
        const annotation = ours === undefined ? {} : { [gateAnnotation]: null };
        const patched = await cluster.patch(path, "merge-patch", patchOf(object, more, annotation));
        if (patched !== "conflict") return;
        await pauseBefore(i);
    }
    throw busy(place);
}

function isNothing({ annotations = {}, spec }: Change): boolean {
    return spec === undefined && Object.keys(annotations).length === 0;
}

function patchOf(
    { metadata: { resourceVersion } }: KubernetesObject,
    { annotations, spec }: Change,
    more: Readonly<Record<string, string | null>>,
): object {
    const all = { ...annotations, ...more };
    return {
        metadata: { resourceVersion, ...(Object.keys(all).length === 0 ? {} : { annotations: all }) },
        ...(spec === undefined ? {} : { spec }),
    };
}

/** Waits a moment before another try: a controller that reports on what we have just changed does so in several changes at once. */
export async function pauseBefore(attempt: number): Promise<void> {
    await pause(Math.min(200, 5 * 2 ** attempt) * Math.random());
}

/** Who has set a field of an object's `spec` besides us, as far as its managed fields say: `kubectl (2024-05-01T10:00:00Z)`. */
export function setBy({ metadata }: KubernetesObject, field: string, subresource?: string): string {
    const found = metadata.managedFields?.findLast((entry) => {
        if (entry.manager === fieldManager) return false;
        const { "f:spec": spec } = (entry.fieldsV1 ?? {}) as { readonly "f:spec"?: Readonly<Record<string, unknown>> };
        return spec?.[`f:${field}`] !== undefined || (subresource !== undefined && entry.subresource === subresource);
    });
    if (found?.manager === undefined) return "somebody";
    return found.time === undefined ? found.manager : `${found.manager} (${found.time})`;
}

/**
 * Gives up what we have become the manager of, without changing a value: so Pulumi's server-side apply meets no conflict. An entry of
 * managedFields may be taken out by anybody who may change the object. All in one change, which what its controller reports meanwhile is no
 * conflict for.
 * @param owner whose mark is taken away with it
 */
export async function releaseFields(cluster: Cluster, place: ObjectPlace, owner?: string): Promise<void> {
    const path = pathOf(place);
    let object = await cluster.get(path);
    for (let i = 0; i < tries; i++) {
        if (object === undefined) return;
        const change = [...(owner === undefined ? [] : markRemoval(object, owner)), ...fieldsRemoval(object)];
        if (change.length === 0) return;
        const patched = await cluster.patch(path, "json-patch", change);
        if (patched === "conflict") await pauseBefore(i);
        object = patched === "conflict" ? await cluster.get(path) : patched;
    }
    throw busy(place);
}

interface JsonPatch {
    readonly op: "test" | "remove" | "replace";
    readonly path: string;
    readonly value?: unknown;
}

function markRemoval(object: KubernetesObject, owner: string): readonly JsonPatch[] {
    if (readMark(object)?.owner !== owner) return [];
    // RFC 6901, section 3.
    const path = `/metadata/annotations/${gateAnnotation.replace("~", "~0").replace("/", "~1")}`;
    return [
        { op: "test", path, value: object.metadata.annotations?.[gateAnnotation] },
        { op: "remove", path },
    ];
}

function fieldsRemoval({ metadata }: KubernetesObject): readonly JsonPatch[] {
    const { managedFields = [], resourceVersion } = metadata;
    const path = "/metadata/managedFields";
    const indexes = managedFields.flatMap(({ manager }, i) => (manager === fieldManager ? [i] : []));
    const tests = indexes.map((i) => ({ op: "test" as const, path: `${path}/${i}/manager`, value: fieldManager }));
    // An empty list would be taken for none that is given: one empty entry is how all of them are cleared.
    if (indexes.length > 0 && indexes.length === managedFields.length)
        return [
            { op: "test", path: "/metadata/resourceVersion", value: resourceVersion },
            { op: "replace", path, value: [{}] },
        ];
    // The last one first: each removal moves those behind it.
    return [...tests, ...indexes.reverse().map((i) => ({ op: "remove" as const, path: `${path}/${i}` }))];
}

function stoppedByOther(place: ObjectPlace, { owner, run, at }: Mark): RefusedError {
    return new RefusedError({
        what: `${placeText(place)} is stopped already by ${owner}${run === "" ? "" : `, run ${run}`}${at === "" ? "" : `, since ${at}`}.`,
        where: { object: gateAnnotation },
        state: "It was not touched by this run.",
        next: `Let that run end or resume first (schemaward resume, for its database and set). If it is gone for good: kubectl annotate ${place.resource.toLowerCase()} ${place.name} -n ${place.namespace} ${gateAnnotation}-, once it is scaled as it should be.`,
    });
}

export function busy(place: ObjectPlace): FailedError {
    return new FailedError({
        what: `${placeText(place)} is changed by others all the time: ${tries} tries to change it met a newer version.`,
        next: "See who changes it (its managedFields say), then run the same command again.",
    });
}
