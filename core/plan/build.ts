import { resolve } from "node:path";
import { setImmediate } from "node:timers/promises";
import type { Client } from "pg";
import { leave, openDatabase } from "../connection";
import type { Declaration } from "../declaration";
import { readSet } from "../migrations/formats";
import type { MigrationSet } from "../migrations/set";
import type { Planned, PlanQuestion } from "./plan-over";

export interface PlanOptions extends PlanQuestion {
    /** The declared set, where it is being read already. */
    readonly set?: Promise<MigrationSet>;
    /** Connection that holds the run's lock; absent: one is opened and closed. Not in a transaction. */
    readonly client?: Client;
}

/** Milliseconds that the files wait for a server to be asked. */
const patienceMs = 100;

/**
 * Works out what it takes to bring the database to the declared version, and what that destroys. Only reads: everything
 * on the live database happens in one READ ONLY transaction; effects are observed on a scratch database.
 * A rule that forbids the plan is in `plan.refusals`, not thrown.
 * @throws BadInputError for wrong files or settings, FailedError when the database does not answer
 */
export async function buildPlan(declaration: Declaration, options: PlanOptions): Promise<Planned> {
    const database = openDatabase(declaration.connection);
    const giveUp = new AbortController();
    // The files are read while the server is at work on what takes it longest; soon in any case, so that bad ones are told at once.
    let begin = (): void => undefined;
    const busy = new Promise<void>((resolve) => {
        begin = resolve;
        setTimeout(resolve, patienceMs).unref();
    });
    const set = options.set ?? busy.then(() => readMigrations(declaration, options.projectDir));
    // Bad files are told at once, without waiting for a server that does not answer.
    set.catch(() => {
        giveUp.abort();
    });
    const question = { ...options, onAsked: begin };
    if (options.client !== undefined) return planner().planOver(options.client, database, declaration, question, set);
    const connecting = database.connect("plan", { pipeline: true, signal: giveUp.signal });
    connecting.catch(() => undefined);
    // Once it is under way, the server needs the time that loading takes.
    await setImmediate();
    const { planOver } = planner();
    let client: Client;
    try {
        client = await connecting;
    } catch (error) {
        begin();
        await set;
        throw error;
    }
    try {
        return await planOver(client, database, declaration, question, set);
    } finally {
        leave(client);
    }
}

function planner(): typeof import("./plan-over") {
    return require("./plan-over.js") as typeof import("./plan-over");
}

/**
 * Reads the declared set.
 * @throws BadInputError as its format's reader does
 */
export function readMigrations({ migrations }: Declaration, projectDir: string): Promise<MigrationSet> {
    return readSet(resolve(projectDir, migrations.dir), migrations.format);
}
