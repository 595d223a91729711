import { Readable } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import type { SmokeCheck } from "../traffic-settings";

/** A check that did not come out well in the time it had. */
export interface SmokeFailure {
    readonly name: string;
    /** Without what may be a secret: userinfo and query. */
    readonly url: string;
    /** What was wrong the last time: `answered 503`. */
    readonly why: string;
}

const betweenMs = 500;
/** Milliseconds for one answer: another pod may answer at once. */
const answerMs = 10_000;
/** Of an answer, what is read at most. */
const mostBytes = 1024 * 1024;

/**
 * Asks each URL until it answers well, or the time is over; all side by side. Redirects are answers: where they lead is not looked at.
 * Nothing of an answer's body is shown.
 * @returns those that did not answer well
 * @throws the signal's reason, once it is aborted
 */
export async function smokeChecks(
    checks: readonly SmokeCheck[],
    seconds: number,
    signal?: AbortSignal,
): Promise<readonly SmokeFailure[]> {
    const deadline = performance.now() + seconds * 1000;
    const ended = await Promise.all(checks.map(async (check) => untilWell(check, deadline, signal)));
    return ended.filter((failure) => failure !== undefined);
}

async function untilWell(
    check: SmokeCheck,
    deadline: number,
    signal: AbortSignal | undefined,
): Promise<SmokeFailure | undefined> {
    const { name } = check;
    const target = targetOf(check.url);
    if (target === undefined) return { name, url: "", why: "its URL is none of http or https" };
    let last: string | undefined;
    for (;;) {
        signal?.throwIfAborted();
        const left = deadline - performance.now();
        // One try is made also where there is no time.
        if (last !== undefined && left <= 0) return { name, url: target.shown, why: last };
        const limitMs = Math.min(answerMs, Math.max(left, betweenMs));
        const why = await ask(check, target, limitMs, signal);
        if (why === undefined) return undefined;
        // An answer that was cut short by the end says less than the one before.
        if (last === undefined || why !== "timeout" || limitMs === answerMs)
            last = why === "timeout" ? `no answer within ${Number((limitMs / 1000).toFixed(1))} s` : why;
        await pause(Math.max(0, Math.min(betweenMs, deadline - performance.now())), undefined, { signal }).catch(
            () => undefined,
        );
    }
}

interface Target {
    /** Without userinfo: fetch takes none, and shows the URL in its complaint. */
    readonly href: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly shown: string;
}

function targetOf(text: string): Target | undefined {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (url === undefined || (url.protocol !== "http:" && url.protocol !== "https:")) return undefined;
    const login = [url.username, url.password].map(decoded).join(":");
    url.username = "";
    url.password = "";
    return {
        href: url.href,
        headers: login === ":" ? {} : { authorization: `Basic ${Buffer.from(login).toString("base64")}` },
        shown: url.origin + url.pathname,
    };
}

function decoded(text: string): string {
    try {
        return decodeURIComponent(text);
    } catch {
        return text;
    }
}

/** Asks once. @returns what is wrong; `timeout` */
async function ask(
    { status = 200, contains }: SmokeCheck,
    { href, headers }: Target,
    limitMs: number,
    signal: AbortSignal | undefined,
): Promise<string | undefined> {
    const timeout = AbortSignal.timeout(Math.ceil(limitMs));
    try {
        const answer = await fetch(href, {
            headers,
            redirect: "manual",
            signal: signal === undefined ? timeout : AbortSignal.any([timeout, signal]),
        });
        if (answer.status === status && contains !== undefined) return await lacks(answer, contains);
        await answer.body?.cancel();
        return answer.status === status ? undefined : `answered ${answer.status}`;
    } catch (error) {
        return timeout.aborted ? "timeout" : failureOf(error);
    }
}

/** Whether an answer lacks a text. @returns for people */
async function lacks({ body }: Response, wanted: string): Promise<string | undefined> {
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of (body ?? Readable.from([])) as AsyncIterable<Uint8Array>) {
        chunks.push(chunk.subarray(0, mostBytes - size));
        size += chunk.length;
        if (size >= mostBytes) break;
    }
    if (Buffer.concat(chunks).includes(wanted, 0, "utf8")) return undefined;
    return `does not contain ${JSON.stringify(wanted)}${size < mostBytes ? "" : " in its first MB"}`;
}

/** The code alone (ECONNREFUSED, CERT_HAS_EXPIRED): messages hold what was asked for. */
function failureOf(error: unknown): string {
    const { cause } = error as { readonly cause?: { readonly code?: unknown; readonly name?: unknown } };
    if (typeof cause?.code === "string") return cause.code;
    return `no answer (${error instanceof Error ? error.name : "unknown"})`;
}
