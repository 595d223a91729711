import { setTimeout as pause } from "node:timers/promises";
import { FailedError, firstLineOf } from "../errors";
import { ClusterSilent } from "./cluster";
import { lookTogether } from "./look-together";
import { refuseOthers } from "./marks";
import { type GatePart, type GateTools, inCluster } from "./part";
import { inOrder, kindOf } from "./parts";

/** Milliseconds between two looks at whether traffic has ended. */
const pollMs = 100;
/** Milliseconds for which others may undo what was stopped before it is done again: a controller that was just about to. */
const insistEveryMs = 1000;

export interface Draining {
    /** Milliseconds for traffic to end. */
    readonly drainMs: number;
    readonly signal: AbortSignal | undefined;
    /** What is still waited for, when it changes. */
    readonly onWaiting: (why: string) => void;
}

/**
 * Stops traffic through all parts and waits until none comes through any more. What was stopped stays so when this throws.
 * @throws FailedError when it does not end in time, naming what still works; RefusedError, ClusterSilent
 */
export async function stopParts(parts: readonly GatePart[], tools: GateTools, draining: Draining): Promise<void> {
    const deadline = performance.now() + draining.drainMs;
    // Before anything is touched: what another has stopped must not cost the rest its traffic.
    const look = await together(parts, tools);
    await each(parts, async (part) => ("apiVersion" in part ? refuseOthers(inCluster(look), part) : undefined));
    await each(parts, async (part) => kindOf(part).prepare?.(part, tools));
    draining.signal?.throwIfAborted();
    for (const group of inOrder(parts)) {
        await each(group, async (part) => kindOf(part).stop(part, tools));
        draining.signal?.throwIfAborted();
    }
    let told = "";
    let insisted = performance.now();
    for (;;) {
        const why = await flowing(parts, tools);
        if (why.length === 0) return;
        draining.signal?.throwIfAborted();
        const [first = ""] = why;
        if (performance.now() > deadline)
            throw new FailedError({
                what: `Traffic has not ended within ${draining.drainMs / 1000} s: ${first}.`,
                detail: why.slice(1, 10),
                next: "See why that does not end (kubectl describe pod says what holds it); or allow it more time with traffic.drainSeconds. Then run the same command again.",
            });
        const kind = first.replace(/\d+/g, "");
        if (kind !== told) draining.onWaiting(first);
        told = kind;
        if (performance.now() - insisted > insistEveryMs) {
            insisted = performance.now();
            const now = await together(parts, tools);
            await each(parts, async (part) => kindOf(part).insist?.(part, now));
        }
        await pause(pollMs);
    }
}

/** Why traffic may come through, for each part through which it may. Changes nothing. */
export async function flowing(parts: readonly GatePart[], tools: GateTools): Promise<readonly string[]> {
    const look = await together(parts, tools);
    const why = await Promise.all(parts.map(async (part) => kindOf(part).flows(part, look)));
    return why.filter((text) => text !== undefined);
}

/**
 * Lets traffic in again through all parts, each as it was. One that cannot be had keeps none of the others.
 * @throws FailedError naming those that could not, with the commands by which a person does it
 */
export async function resumeParts(parts: readonly GatePart[], tools: GateTools): Promise<void> {
    const failed: { readonly part: GatePart; readonly why: string }[] = [];
    const attempt = async (part: GatePart, work: Promise<void> | undefined): Promise<void> => {
        try {
            await work;
        } catch (error) {
            failed.push({ part, why: firstLineOf(error) });
            giveUpSooner(error, tools);
        }
    };
    let look = tools;
    try {
        look = await together(parts, tools);
    } catch (error) {
        giveUpSooner(error, tools);
    }
    for (const group of inOrder(parts).reverse())
        await Promise.all(group.map(async (part) => attempt(part, kindOf(part).resume(part, look))));
    const resumed = parts.filter((part) => !failed.some((one) => one.part === part));
    await Promise.all(resumed.map(async (part) => attempt(part, kindOf(part).tidy?.(part, tools))));
    if (failed.length === 0) return;
    const [first] = failed;
    throw new FailedError({
        what: `Traffic could not be let in again: ${first?.why ?? ""}`,
        detail: failed.map(({ part }) => kindOf(part).byHand(part)),
        next: "Run schemaward resume, which tries again; or the commands above by hand, and then schemaward resume.",
    });
}

/** Lets others change what is stopped, while it stays so. */
export async function releaseParts(parts: readonly GatePart[], tools: GateTools): Promise<void> {
    await each(parts, async (part) => kindOf(part).release?.(part, tools));
}

/** Where Kubernetes is silent the whole patience was for one request; others are not waited for as long once more. */
function giveUpSooner(error: unknown, { cluster }: GateTools): void {
    if (error instanceof ClusterSilent && cluster !== undefined) cluster.patience = 1000;
}

/** Tools for one look at all parts. */
async function together(parts: readonly GatePart[], tools: GateTools): Promise<GateTools> {
    return tools.cluster === undefined ? tools : { ...tools, cluster: await lookTogether(tools.cluster, parts) };
}

/** All at once; where one fails, the others have come to their end too: none is still being stopped while it is let in again. */
async function each(parts: readonly GatePart[], work: (part: GatePart) => Promise<void>): Promise<void> {
    const ends = await Promise.allSettled(parts.map(work));
    const failed = ends.find((end) => end.status === "rejected");
    if (failed !== undefined) throw failed.reason as Error;
}
