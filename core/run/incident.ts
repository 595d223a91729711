import type { Client } from "pg";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type JournalLine, readJournal, readRun, type RecordedRun } from "../history/recorded-run";
import type { Plan } from "../plan/plan";
import { planTitle } from "../plan/render-text";
import { readStoredPlan } from "../plan/stored-plan";
import { timeInName } from "../snapshots/name";
import { incidentText } from "./incident-text";

/** All that the ledger knows of a run. */
export interface Incident {
    readonly run: RecordedRun;
    /** As it was carried out; null: of another version of schemaward. */
    readonly plan: Plan | null;
    readonly journal: readonly JournalLine[];
}

/**
 * Reads a run's record, of a ledger that is there.
 * @param id absent: the last run that went back
 */
export async function readIncident(client: Client, set: string, id?: string): Promise<Incident | undefined> {
    const run = await readRun(client, set, id);
    if (run === undefined) return undefined;
    return {
        run,
        plan: (await readStoredPlan(client, run.id)) ?? null,
        journal: await readJournal(client, run.id),
    };
}

/**
 * Writes the record of a run as a Markdown file.
 * @param dir made where it is not there
 * @returns the file's path
 */
export function writeIncident(incident: Incident, dir: string): string {
    const { run, plan } = incident;
    const what = plan === null ? "" : planTitle(plan);
    const name = `${timeInName(run.startedAt)}_${what}_${run.from ?? "0"}-${run.to ?? "0"}_${run.id.slice(0, 8)}`;
    mkdirSync(dir, { recursive: true });
    const file = path.join(dir, `${name.replace(/[^\w.-]/g, "_")}.md`);
    writeFileSync(file, incidentText(incident));
    return file;
}

/** Milliseconds for a webhook to answer: the rollback is over, and nobody waits for it long. */
const patienceMs = 10_000;

/**
 * Posts the record as JSON, `{ text, run, markdown }`: `text` is a summary of one line, as chat services want it.
 * @throws Error saying why it did not arrive; the URL is not in it
 */
export async function postIncident(incident: Incident, variable: string): Promise<void> {
    const url = process.env[variable];
    if (url === undefined) throw new Error(`the environment variable ${variable} is not set`);
    const { run, plan } = incident;
    const what = plan === null ? "" : planTitle(plan);
    const text = `Rollback of ${what}, ${run.from ?? "0"} → ${run.to ?? "0"}, by ${run.who} on ${run.host}: ${run.status}${run.error === null ? "" : `, ${run.error}`}`;
    const body = JSON.stringify({ text, run, markdown: incidentText(incident) });
    let status: number;
    try {
        const headers = { "content-type": "application/json" };
        const signal = AbortSignal.timeout(patienceMs);
        ({ status } = await fetch(url, { method: "POST", headers, body, signal, redirect: "error" }));
    } catch (error) {
        // Its message may hold the URL; its cause's code does not.
        const { cause, name } = error as { readonly cause?: { readonly code?: string }; readonly name: string };
        throw new Error(`the webhook in ${variable} cannot be reached (${cause?.code ?? name})`);
    }
    if (status < 200 || status > 299) throw new Error(`the webhook in ${variable} answered with ${status}`);
}
