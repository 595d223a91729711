import { BadInputError, FailedError } from "../errors";
import type { KubernetesObject } from "./cluster";
import {
    collectionPath,
    gateAnnotation,
    keyOf,
    labelsText,
    mark,
    pathOf,
    placeText,
    podsPath,
    releaseFields,
    unmark,
} from "./marks";
import { type GateTools, inCluster, type PartKind, type ServicePart } from "./part";

type Labels = Readonly<Record<string, string>>;

/**
 * A Service: led to other pods, another version's or a maintenance page's, and back. Connections that are open stay with the pods they
 * were made to, as Kubernetes has it: only new ones go elsewhere.
 */
export const service: PartKind<ServicePart> = {
    text: ({ name, to }) => `${name} → ${selectorText(to)}`,
    key: keyOf,
    rights: ({ namespace }) => [
        ...(["get", "patch"] as const).map((verb) => ({ verb, group: "", resource: "services", namespace })),
        { verb: "list", group: "discovery.k8s.io", resource: "endpointslices", namespace },
        { verb: "list", group: "", resource: "pods", namespace },
    ],
    stop: async (part, tools) => {
        // Without a selector, endpoints stay as they are: traffic would go on.
        if (Object.keys(part.to).length === 0) throw nowhere(part);
        const isThere = await mark(
            inCluster(tools),
            part,
            (object, before) => before ?? { selector: selectorToRemember(part, object) },
            (object) => change(selectorOf(object), part.to),
        );
        if (!isThere)
            throw new FailedError({
                what: `${placeText(part)} is gone.`,
                next: "See whether it is meant; then run the same command again, which looks anew.",
            });
    },
    flows: async (part, tools) => {
        const object = await inCluster(tools).cluster.get(pathOf(part));
        if (object === undefined) return undefined;
        const selector = selectorOf(object);
        if (!isSame(selector, part.to))
            return `${placeText(part)} is no longer led to ${selectorText(part.to)}: it selects ${selectorText(selector)}`;
        const left = await endpointsElsewhere(part, tools);
        if (left.length === 0) return undefined;
        const more = left.length > 5 ? ` and ${left.length - 5} more` : "";
        return `${placeText(part)} still leads to ${left.slice(0, 5).join(", ")}${more}`;
    },
    resume: async (part, tools) => {
        await unmark(inCluster(tools), part, (object, was) => {
            const selector = selectorOf(object);
            // Whoever has led it elsewhere meanwhile wanted that.
            if (!isSame(selector, part.to)) return {};
            return change(selector, (was?.["selector"] as Labels | undefined) ?? part.selector);
        });
        await releaseFields(inCluster(tools).cluster, part);
    },
    release: async (part, tools) => releaseFields(inCluster(tools).cluster, part),
    byHand: ({ name, namespace, selector, to }) => {
        const patch = { metadata: { annotations: { [gateAnnotation]: null } }, ...change(to, selector) };
        return `kubectl patch service ${name} -n ${namespace} --type=merge -p '${JSON.stringify(patch)}'`;
    },
};

function selectorOf({ spec }: KubernetesObject): Labels {
    return (spec?.["selector"] as Labels | undefined) ?? {};
}

/** @throws FailedError for a Service whose selector leads nobody anywhere */
function selectorToRemember(part: ServicePart, object: KubernetesObject): Labels {
    const selector = selectorOf(object);
    if (Object.keys(selector).length > 0 && object.spec?.["type"] !== "ExternalName") return selector;
    throw new FailedError({
        what: `${placeText(part)} finds its pods by no selector, so it cannot be led elsewhere by one.`,
        state: "It was not touched.",
        next: "Take it out of traffic.services, and stop its traffic another way: strategy scale-to-zero, for instance.",
    });
}

/** What makes one selector of another, as a merge patch: a label that is to go is named with null. */
function change(from: Labels, to: Labels): Readonly<Record<string, unknown>> {
    if (isSame(from, to)) return {};
    const gone = Object.keys(from).filter((label) => !Object.hasOwn(to, label));
    return { spec: { selector: { ...Object.fromEntries(gone.map((label) => [label, null])), ...to } } };
}

function isSame(a: Labels, b: Labels): boolean {
    return labelsText(a) === labelsText(b);
}

/** For people. */
function selectorText(labels: Labels): string {
    return labelsText(labels) || "nothing";
}

/** An EndpointSlice's, as discovery.k8s.io/v1 has it. */
interface Endpoint {
    readonly addresses: readonly string[];
    readonly targetRef?: { readonly kind?: string; readonly name?: string };
}

/**
 * Where a Service leads besides the pods it is meant to: the selector changes at once, its endpoints a little later. An endpoint that is no
 * pod's was written by hand, and no selector takes it away.
 */
async function endpointsElsewhere(part: ServicePart, tools: GateTools): Promise<readonly string[]> {
    const { cluster } = inCluster(tools);
    const { namespace, name } = part;
    const [slices, pods] = await Promise.all([
        cluster.list(collectionPath({ apiVersion: "discovery.k8s.io/v1", plural: "endpointslices", namespace }), {
            labelSelector: `kubernetes.io/service-name=${name}`,
        }),
        cluster.list(podsPath(namespace), {
            labelSelector: labelsText(part.to),
        }),
    ]);
    const meant = new Set((pods ?? []).map((pod) => pod.metadata.name));
    const endpoints = (slices ?? []).flatMap(
        (slice) => (slice as { readonly endpoints?: readonly Endpoint[] | null }).endpoints ?? [],
    );
    const elsewhere = endpoints.flatMap(({ addresses, targetRef }) => {
        if (targetRef?.kind !== "Pod" || targetRef.name === undefined) return [`${addresses.join(", ")} (no pod)`];
        return meant.has(targetRef.name) ? [] : [targetRef.name];
    });
    // A Service with addresses of both families has a slice for each.
    return [...new Set(elsewhere)];
}

function nowhere(part: ServicePart): BadInputError {
    return new BadInputError({
        what: `${placeText(part)} is to be led to pods with no labels, which is to nobody in particular.`,
        where: { object: "traffic.services" },
        state: "It was not touched.",
        next: "Name under `to` the labels of the pods that answer meanwhile. Labels that no pod has are fine: then nobody answers.",
    });
}
