// The module that every stored provider calls as "schemaward/traffic-provider": its name and its functions are public for ever.
import { isDeepStrictEqual } from "node:util";
import { buildPlan } from "../core/plan/build";
import type { Declaration } from "../core/declaration";
import { FailedError } from "../core/errors";
import { resumeTraffic } from "../core/run/resume-traffic";
import { forEngine } from "./for-engine";
import { holdsUnknown } from "./inputs";
import { report } from "./report";

/** Inputs of a TrafficResume: the declaration of the schema whose gate it is. */
export interface TrafficResumeInputs extends Omit<Declaration, "run"> {
    readonly resource: string;
    /** Timeouts, as in the declaration. */
    readonly settings: Declaration["run"];
    /** Id of the schema's last run: a new one may have stopped traffic. */
    readonly lastRun: string | null;
}

export function check(
    _olds: unknown,
    news: TrafficResumeInputs,
): Promise<{ inputs: TrafficResumeInputs; failures: { property: string; reason: string }[] }> {
    return Promise.resolve({ inputs: news, failures: [] });
}

/** There is something to do when the schema has run, and whenever traffic is stopped. */
export async function diff(
    _id: string,
    olds: TrafficResumeInputs,
    news: TrafficResumeInputs,
): Promise<{ changes: boolean }> {
    if (holdsUnknown(news.lastRun) || !isDeepStrictEqual(olds.lastRun ?? null, news.lastRun ?? null))
        return { changes: true };
    if (holdsUnknown(declarationOf(news))) return { changes: true };
    try {
        const { plan } = await buildPlan(declarationOf(news), { projectDir: process.cwd(), observe: "none" });
        return { changes: plan.held !== null };
    } catch (error) {
        // Nothing answers: an `up` goes and finds out.
        if (error instanceof FailedError) return { changes: true };
        throw error;
    }
}

export async function create(inputs: TrafficResumeInputs): Promise<{ id: string; outs: TrafficResumeInputs }> {
    const { declarer, set } = inputs;
    await go(inputs);
    return { id: `${declarer?.project ?? ""}/${declarer?.stack ?? ""}/${set}/traffic`, outs: inputs };
}

export async function update(
    _id: string,
    _olds: TrafficResumeInputs,
    news: TrafficResumeInputs,
): Promise<{ outs: TrafficResumeInputs }> {
    await go(news);
    return { outs: news };
}

async function go(inputs: TrafficResumeInputs): Promise<void> {
    await forEngine(async (signal) =>
        resumeTraffic(declarationOf(inputs), { projectDir: process.cwd(), report, signal, waitMs: 30_000 }),
    );
}

function declarationOf({ settings, lastRun: _, resource: __, ...rest }: TrafficResumeInputs): Declaration {
    return { ...rest, run: settings };
}
