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

/** Milliseconds for each part that was marked, and for all of them, for controllers to be done with the marks: see `settleMs`. */
const settleEachMs = 10;
const settleAllMs = 1000;

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
    // Before anything is touched: what another has stopped must not cost the rest its traffic.
    const look = await together(parts, tools);
    await each(parts, async (part) => ("apiVersion" in part ? refuseOthers(inCluster(look), part) : undefined));
    await each(parts, async (part) => kindOf(part).prepare?.(part, tools));
    await pause(settleMs(parts));
    draining.signal?.throwIfAborted();
    const deadline = performance.now() + draining.drainMs;
    for (const group of inOrder(parts)) {
        await each(group, async (part) => kindOf(part).stop(part, tools));
        draining.signal?.throwIfAborted();
    }
    let told: string | undefined;
    let insisted = performance.now();
    const isOver = (): boolean => draining.signal?.aborted === true || performance.now() > deadline;
    for (;;) {
        const found = await flowsOf(parts, tools);
        const last = found.at(-1);
        if (last === undefined) return;
        draining.signal?.throwIfAborted();
        const why = found.map((one) => one.why);
        const [first = ""] = why;
        if (performance.now() > deadline)
            throw new FailedError({
                what: `Traffic has not ended within ${draining.drainMs / 1000} s: ${first}.`,
                detail: why.slice(1, 10),
                next: "See why that does not end (kubectl describe pod says what holds it); or allow it more time with traffic.drainSeconds. Then run the same command again.",
            });
        if (alike(first) !== told) draining.onWaiting(first);
        told = alike(first);
        // As long as it comes through one of them the others need no look; the last one is likely the last to end.
        do {
            if (performance.now() - insisted > insistEveryMs) {
                insisted = performance.now();
                const now = await together(parts, tools);
                await each(parts, async (part) => kindOf(part).insist?.(part, now));
            }
            await pause(pollMs);
        } while (!isOver() && alike(await kindOf(last.part).flows(last.part, tools)) === alike(last.why));
    }
}

/** What a text says but for its numbers. */
function alike(why: string | undefined): string | undefined {
    return why?.replace(/\d+/g, "");
}

/** Why traffic may come through, for each part through which it may. Changes nothing. */
export async function flowing(parts: readonly GatePart[], tools: GateTools): Promise<readonly string[]> {
    return (await flowsOf(parts, tools)).map(({ why }) => why);
}

async function flowsOf(
    parts: readonly GatePart[],
    tools: GateTools,
): Promise<readonly { readonly part: GatePart; readonly why: string }[]> {
    const look = await together(parts, tools);
    const found = await Promise.all(parts.map(async (part) => ({ part, why: await kindOf(part).flows(part, look) })));
    return found.flatMap(({ part, why }) => (why === undefined ? [] : [{ part, why }]));
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

/**
 * How long to wait between the marks and the first that is stopped, while traffic still flows. A Deployment's controller copies annotations into
 * its ReplicaSet: a hundred such writes, before which no ReplicaSet would be scaled, are not to be a part of the outage. When they are done nothing
 * tells that a login with these rights may read.
 */
function settleMs(parts: readonly GatePart[]): number {
    return Math.min(settleAllMs, settleEachMs * parts.filter((part) => kindOf(part).prepare !== undefined).length);
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
