import type { Client } from "pg";
import { disconnect, openDatabase } from "../connection";
import { BadInputError, FailedError, firstLineOf } from "../errors";
import type { BouncerChoice } from "../traffic-settings";
import type { BouncerPart, PartKind } from "./part";

/** Milliseconds for a database to pause, where nobody says. */
const defaultDrainMs = 30_000;
/** Milliseconds for what PgBouncer answers at once. */
const answerMs = 10_000;

/** A database of a PgBouncer: paused, so that its clients wait for a server connection and go on when it is resumed. */
export const bouncer: PartKind<BouncerPart> = {
    text: ({ database }) => `${database} (PgBouncer)`,
    key: ({ env, database }) => `PgBouncer/${env}/${database}`,
    rights: () => [],
    /**
     * Waits for the pause, and takes it back where it does not come about. Seen in PgBouncer 1.18: a client that goes away while its PAUSE
     * waits leaves the database pausing, then paused, until somebody resumes it. So this ends by no failure without a RESUME. What a killed
     * process leaves paused is finished by whoever takes the run over, with `stop` or `resume`.
     */
    stop: async (part, tools) => {
        const limitMs = tools.drainMs ?? defaultDrainMs;
        let problem: unknown;
        const paused = await withConsole(part, async (admin) => {
            try {
                return await answerOf(admin, `PAUSE ${quoted(part)}`, limitMs);
            } catch (error) {
                problem = error;
                return undefined;
            }
        });
        // PgBouncer has said no: it has changed nothing.
        if (isRefusal(problem)) throw refused(part, `PAUSE ${quoted(part)}`, problem);
        if (paused === undefined) throw await takenBack(part, limitMs, problem);
        // Its answer is no proof: a PAUSE that another console has resumed is answered when any other database is paused.
        const reason = await flows(part).catch(firstLineOf);
        if (reason !== undefined) throw await takenBack(part, limitMs, new Error(reason));
    },
    flows,
    resume: async (part, tools) =>
        withConsole(part, async (admin) => {
            if (part.paused) return;
            // First, so that clients are given no server connection that knows the old schema.
            await has("RECONNECT", part, admin);
            if (!(await has("RESUME", part, admin)))
                tools.say(`PgBouncer no longer has a database ${part.database}, so it is not resumed`);
        }),
    byHand: (part) => {
        const commands = ["RECONNECT", "RESUME"].map((c) => `-c '${`${c} ${quoted(part)}`.replaceAll("'", "'\\''")}'`);
        return `psql "$${part.env}" ${commands.join(" ")}`;
    },
};

/**
 * A bouncer's database as it is now. Only reads.
 * @throws BadInputError where the variable is not set, FailedError where the console does not let us in
 */
export async function findBouncer({ env, database }: BouncerChoice): Promise<BouncerPart> {
    const part = { kind: "bouncer", env, database, paused: false } as const;
    return { ...part, paused: await withConsole(part, async (admin) => isPaused(part, admin)) };
}

/** As the admin console reads a name. */
function quoted({ database }: BouncerPart): string {
    return `"${database.replaceAll('"', '""')}"`;
}

/** A server connection of a database, as SHOW SERVERS tells. */
interface ServerConnection {
    readonly database: string;
    readonly user: string;
    readonly application_name?: string;
    readonly request_time: string;
    /** The server process. */
    readonly remote_pid: number;
}

/** SHOW DATABASES tells `paused` as soon as PAUSE is asked for; it is once no server connection is left. */
async function flows(part: BouncerPart): Promise<string | undefined> {
    return withConsole(part, async (admin) => {
        if (!(await isPaused(part, admin))) return `PgBouncer's database ${part.database} is not paused`;
        const working = await serverConnections(part, admin);
        return working.length === 0 ? undefined : `of PgBouncer's database ${part.database} ${inUse(working)}`;
    });
}

async function isPaused(part: BouncerPart, admin: Client): Promise<boolean> {
    const databases = await show<{ name: string; paused: number | string }>(part, admin, "DATABASES");
    return databases.some(({ name, paused }) => name === part.database && Number(paused) === 1);
}

async function serverConnections(part: BouncerPart, admin: Client): Promise<readonly ServerConnection[]> {
    const servers = await show<ServerConnection>(part, admin, "SERVERS");
    return servers.filter(({ database }) => database === part.database);
}

async function show<Row>(part: BouncerPart, admin: Client, what: string): Promise<readonly Row[]> {
    try {
        return (await answerOf(admin, `SHOW ${what}`, answerMs)) as readonly Row[];
    } catch (error) {
        throw isRefusal(error) ? refused(part, `SHOW ${what}`, error) : unanswered(part, error);
    }
}

/** @returns whether PgBouncer has such a database */
async function has(command: "RECONNECT" | "RESUME", part: BouncerPart, admin: Client): Promise<boolean> {
    try {
        await answerOf(admin, `${command} ${quoted(part)}`, answerMs);
        return true;
    } catch (error) {
        if (!isRefusal(error)) throw unanswered(part, error);
        if (error.message.includes("no such database")) return false;
        if (error.message.includes("is not paused")) return true;
        throw refused(part, `${command} ${quoted(part)}`, error);
    }
}

/**
 * Of a pause that did not come about: resumes, so that clients do not wait for a run that will not be. On a connection of its own, since the
 * one that waits hears nothing else.
 */
async function takenBack(part: BouncerPart, limitMs: number, problem: unknown): Promise<FailedError> {
    let working: readonly ServerConnection[] = [];
    let state = "It is resumed: its clients work as before.";
    let next =
        problem instanceof TooLong
            ? "Let what is at work end (pg_stat_activity shows each process), or give it longer with traffic.drainSeconds; then run the same command again. With pool_mode = session a server connection is in use until its client leaves."
            : "See that nobody else pauses or resumes it, and that PgBouncer stays up; then run the same command again.";
    try {
        await withConsole(part, async (admin) => {
            try {
                working = await serverConnections(part, admin);
            } finally {
                await has("RESUME", part, admin);
            }
        });
    } catch (error) {
        state = `It may still be paused, and then its clients wait. Resuming it failed: ${firstLineOf(error)}`;
        next = `Resume it by hand: ${bouncer.byHand(part)}`;
    }
    const name = `PgBouncer's database ${part.database}`;
    return new FailedError({
        what:
            problem instanceof TooLong
                ? `${name} did not pause within ${limitMs / 1000} s${working.length === 0 ? "" : `: ${inUse(working)}`}.`
                : `${name} could not be paused: ${firstLineOf(problem)}.`,
        where: { object: part.env },
        detail: working.slice(0, 10).map(connectionText),
        state,
        next,
    });
}

function inUse(working: readonly ServerConnection[]): string {
    const count = working.length;
    return `${count === 1 ? "1 server connection is" : `${count} server connections are`} still there`;
}

function connectionText({ user, application_name: program, request_time: since, remote_pid: pid }: ServerConnection) {
    const who = program === undefined || program === "" ? user : `${user} (${program})`;
    return `${who}, process ${pid} of the server, last asked something ${since}`;
}

/** PgBouncer has not answered in time. */
class TooLong extends Error {}

async function answerOf(admin: Client, command: string, limitMs: number): Promise<readonly unknown[]> {
    let timer: NodeJS.Timeout | undefined;
    const tooLong = new Promise<never>((_, reject) => {
        timer = setTimeout(() => {
            reject(new TooLong(`no answer within ${limitMs / 1000} s`));
        }, limitMs);
    });
    const answer = admin.query<Record<string, unknown>>(command);
    // The one that is too late is heard by nobody.
    answer.catch(() => undefined);
    try {
        return (await Promise.race([answer, tooLong])).rows;
    } finally {
        clearTimeout(timer);
    }
}

/** Whether PgBouncer has said no and stays; otherwise nothing is known of what became of the command. */
function isRefusal(error: unknown): error is Error {
    return error instanceof Error && (error as { severity?: unknown }).severity === "ERROR";
}

async function withConsole<T>(part: BouncerPart, work: (admin: Client) => Promise<T>): Promise<T> {
    const { env } = part;
    if ((process.env[env] ?? "") === "")
        throw new BadInputError({
            what: `The environment variable ${env} is not set, so PgBouncer's address is unknown.`,
            where: { object: "traffic.bouncers" },
            state: `PgBouncer's database ${part.database} was not touched.`,
            next: `Set ${env} to the URL of PgBouncer's admin console, postgresql://user:password@host:port/pgbouncer, and run again.`,
        });
    const admin = await openDatabase({ env })
        .connect("traffic", { connectTimeoutMs: answerMs })
        .catch((error: unknown) => {
            if (!(error instanceof FailedError)) throw error;
            const said = error.parts.cause instanceof Error ? error.parts.cause.message : error.parts.what;
            throw new FailedError({
                what: `PgBouncer's admin console does not let us in: ${said}`,
                where: { object: env },
                state: `PgBouncer's database ${part.database} was not touched by this connection.`,
                next: `Check that PgBouncer runs, and that the URL in ${env} has its host and port, and a user of its admin_users with the password.`,
            });
        });
    try {
        return await work(admin);
    } finally {
        await disconnect(admin);
    }
}

function refused(part: BouncerPart, command: string, error: Error): FailedError {
    const isAllPaused = error.message.includes("already suspended/paused");
    return new FailedError({
        what: `PgBouncer refuses ${command}: ${error.message}`,
        where: { object: part.env },
        next: isAllPaused
            ? "Somebody has paused all of PgBouncer; when they resume it, traffic would come in during the run. Resume it first (RESUME in its admin console), then run the same command again."
            : `Check that the URL in ${part.env} ends in /pgbouncer, that its user is one of admin_users, and that PgBouncer has a database ${part.database}; then run the same command again.`,
    });
}

function unanswered(part: BouncerPart, error: unknown): FailedError {
    return new FailedError({
        what: `PgBouncer's admin console does not answer: ${firstLineOf(error)}`,
        where: { object: part.env },
        state: `Whether its database ${part.database} is paused is not known.`,
        next: `Check that PgBouncer runs, then run the same command again. To resume by hand: ${bouncer.byHand(part)}`,
    });
}
