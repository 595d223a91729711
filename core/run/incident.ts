import type { Client } from "pg";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type JournalLine, readJournal, readRecordedPlan, readRun, type RecordedRun } from "../history/recorded-run";
import type { Plan } from "../plan/plan";
import { planSchema } from "../plan/plan-schema";
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
    const stored = planSchema.safeParse(await readRecordedPlan(client, run.id));
    return { run, plan: stored.success ? (stored.data as Plan) : null, journal: await readJournal(client, run.id) };
}

/**
 * Writes the record of a run as a Markdown file.
 * @param dir made where it is not there
 * @returns the file's path
 */
export function writeIncident(incident: Incident, dir: string): string {
    const { run, plan } = incident;
    const time = run.startedAt.toISOString().replace(/^(\d+)-(\d+)-(\d+)T(\d+):(\d+):(\d+).*$/, "$1$2$3_$4$5$6");
    const what = [plan?.environment ?? "", plan?.set ?? ""].filter((part) => part !== "").join("_");
    const name = `${time}_${what}_${run.from ?? "0"}-${run.to ?? "0"}_${run.id.slice(0, 8)}`;
    mkdirSync(dir, { recursive: true });
    const file = path.join(dir, `${name.replace(/[^\w.-]/g, "_")}.md`);
    writeFileSync(file, incidentText(incident));
    return file;
}
