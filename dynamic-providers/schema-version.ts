// The module that every stored provider calls as "schemaward/provider": its name and its functions are public for ever,
// because states written today call them years from now.
import { isDeepStrictEqual } from "node:util";
import type { Declaration } from "../core/declaration";
import { FailedError, SchemawardError } from "../core/errors";
import { buildPlan } from "../core/plan/build";
import { isUnverified } from "../core/plan/last-run-text";
import { renderPlan } from "../core/plan/render-text";
import type { RunResult } from "../core/run/options";
import { PlanRefused } from "../core/run/not-begun";
import { pendingRestore } from "../core/run/restore/declared";
import type { RestoreOptions, RestoreResult } from "../core/run/restore/options";
import { renderRestore } from "../core/run/restore/restore-text";
import { migrate } from "../core/run/run";
import { forEngine, say } from "./for-engine";
import { checkForm, holdsUnknown, type SchemaVersionInputs, type SchemaVersionState } from "./inputs";
import { report } from "./report";

/** The parts of the inputs that are compared: what only shows is not. */
const compared: readonly (keyof Declaration)[] = [
    "set",
    "declarer",
    "adopt",
    "migrations",
    "version",
    "app",
    "connection",
    "history",
    "snapshot",
    "policy",
    "run",
    "traffic",
    "verify",
    "incidents",
    "keepData",
    "restoreFrom",
    "restore",
];

/** A refusal is a failed check: preview and up both fail, after the component has printed the plan. */
export function check(
    _olds: unknown,
    news: SchemaVersionInputs,
): Promise<{ inputs: SchemaVersionInputs; failures: { property: string; reason: string }[] }> {
    const form = checkForm(news);
    const refusals = holdsUnknown(news.refusals) || form.length > 0 ? [] : news.refusals;
    return Promise.resolve({
        inputs: news,
        failures: [...form, ...refusals.map((reason) => ({ property: "version", reason }))],
    });
}

/** Compares what is declared with the state, and with the database itself: drift shows without a refresh. */
export async function diff(
    _id: string,
    olds: SchemaVersionState,
    news: SchemaVersionInputs,
): Promise<{ changes: boolean; replaces: string[]; deleteBeforeReplace: boolean }> {
    const replaces = olds.set === news.set ? [] : ["set"];
    if (holdsUnknown(compared.map((key) => news[key]))) return { changes: true, replaces, deleteBeforeReplace: true };
    const differs = compared.some((key) => !isDeepStrictEqual(plain(olds[key]), plain(news[key])));
    return {
        changes: differs || replaces.length > 0 || (await databaseDiffers(news)),
        replaces,
        deleteBeforeReplace: true,
    };
}

/** Adopts what it finds and goes to the declared version. */
export async function create(
    inputs: SchemaVersionInputs,
): Promise<{ id: string; outs: SchemaVersionState & Record<string, unknown> }> {
    const id = `${inputs.declarer?.project ?? ""}/${inputs.declarer?.stack ?? ""}/${inputs.set}`;
    return { id, outs: stateAfter(inputs, await go(inputs), undefined) };
}

export async function update(
    _id: string,
    olds: SchemaVersionState,
    news: SchemaVersionInputs,
): Promise<{ outs: SchemaVersionState & Record<string, unknown> }> {
    return { outs: stateAfter(news, await go(news), olds) };
}

/** Reads where the database is. With credentials that no longer work, state stays as it is. */
export async function read(id: string, props: SchemaVersionState): Promise<{ id: string; props: SchemaVersionState }> {
    try {
        const { plan } = await buildPlan(props, { projectDir: process.cwd(), observe: "none" });
        const at = plan.from ?? "0";
        return { id, props: { ...props, at, version: plan.direction === "none" ? props.version : at } };
    } catch (error) {
        if (!(error instanceof SchemawardError)) throw error;
        console.warn(`schemaward: not refreshed, the state is kept. ${error.message}`);
        return { id, props };
    }
}

/** Takes the resource out of the stack's state and leaves database, ledger and data alone. */
function remove(_id: string, props: SchemaVersionState): Promise<void> {
    console.log(`schemaward: the database of ${props.set} is left as it is, at ${props.at}; nothing was dropped.`);
    return Promise.resolve();
}
export { remove as delete };

async function go(inputs: SchemaVersionInputs): Promise<RunResult> {
    return forEngine(async (signal) => {
        const options = {
            signal,
            projectDir: process.cwd(),
            resource: inputs.resource,
            commandFlags: `--stack ${inputs.declarer?.stack ?? ""}`,
            waitMs: 0,
            report,
        };
        try {
            const restored = await restoreIfDeclared(inputs, options);
            const result = await migrate(inputs, { ...options, observe: "full" });
            return restored === undefined
                ? result
                : { ...result, changed: true, snapshot: restored.emergency, runId: restored.runId };
        } catch (error) {
            // The one that the component has shown was not refused: something has changed since.
            if (error instanceof PlanRefused) say(renderPlan(error.plan).join("\n"));
            throw error;
        }
    });
}

async function restoreIfDeclared(
    inputs: SchemaVersionInputs,
    options: Omit<RestoreOptions, "snapshot" | "emergency" | "declaredVersionCounts">,
): Promise<RestoreResult | undefined> {
    const snapshot = await pendingRestore(inputs);
    if (snapshot === undefined) return undefined;
    // Loaded here: few ups restore anything.
    const { restore, RestoreRefused } =
        require("../core/run/restore/restore.js") as typeof import("../core/run/restore/restore");
    try {
        return await restore(inputs, { ...options, snapshot, emergency: true, declaredVersionCounts: true });
    } catch (error) {
        if (error instanceof RestoreRefused) say(renderRestore(error.plan).join("\n"));
        throw error;
    }
}

function stateAfter(
    inputs: SchemaVersionInputs,
    result: RunResult,
    before: SchemaVersionState | undefined,
): SchemaVersionState & Record<string, unknown> {
    return {
        ...inputs,
        at: result.version ?? "0",
        lastSnapshot: result.snapshot ?? before?.lastSnapshot ?? null,
        lastRun: result.runId ?? before?.lastRun ?? null,
    };
}

async function databaseDiffers(news: SchemaVersionInputs): Promise<boolean> {
    try {
        if ((await pendingRestore(news)) !== undefined) return true;
        const { plan } = await buildPlan(news, { projectDir: process.cwd(), observe: "none" });
        return plan.steps.length > 0 || plan.adopt !== null || plan.held !== null || isUnverified(plan);
    } catch (error) {
        // Nothing answers: an `up` goes and finds out, and fails saying why, rather than being green over a database that nobody has seen.
        if (error instanceof FailedError) return true;
        throw error;
    }
}

/** As JSON keeps it: no undefined members. */
function plain(value: unknown): unknown {
    return value === undefined ? undefined : (JSON.parse(JSON.stringify(value)) as unknown);
}
