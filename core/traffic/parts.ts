import { bouncer } from "./bouncer";
import { cronJob } from "./cron-job";
import type { GatePart, PartKind } from "./part";
import { scaledObject } from "./scaled-object";
import { service } from "./service";
import { sessions } from "./sessions";
import { workload } from "./workload";

/** The kinds of parts that a gate can have; a new one is a file and a line here. */
const kinds: { readonly [K in GatePart["kind"]]: PartKind<Extract<GatePart, { readonly kind: K }>> } = {
    "scaled-object": scaledObject,
    "cron-job": cronJob,
    service,
    workload,
    bouncer,
    sessions,
};

/** In the order in which they are stopped; they are let in again in the reverse one. */
const order: readonly GatePart["kind"][] = ["scaled-object", "cron-job", "service", "workload", "bouncer", "sessions"];

export function kindOf<P extends GatePart>(part: P): PartKind<P> {
    const kind = kinds[part.kind] as unknown as PartKind<P> | undefined;
    if (kind === undefined) throw new Error(`unknown part of a gate: ${part.kind}`);
    return kind;
}

/** Parts in groups, those first that are stopped first. */
export function inOrder(parts: readonly GatePart[]): GatePart[][] {
    return order.map((kind) => parts.filter((part) => part.kind === kind)).filter((group) => group.length > 0);
}

export function partText(part: GatePart): string {
    return kindOf(part).text(part);
}

export function partKey(part: GatePart): string {
    return kindOf(part).key(part);
}

/** Whether any part is in a Kubernetes cluster. */
export function needCluster(parts: readonly GatePart[]): boolean {
    return parts.some((part) => "apiVersion" in part);
}

/** Parts of both, each once; the first ones, which know what things were like before they were touched, come before the others. */
export function joinParts(first: readonly GatePart[], others: readonly GatePart[]): GatePart[] {
    const known = new Set(first.map(partKey));
    return [...first, ...others.filter((part) => !known.has(partKey(part)))];
}
