// For what is loaded into a process before everything else (node --require) to kill it, as kill -9 does, at a chosen boundary.
import { appendFileSync } from "node:fs";
import { Client } from "pg";

/** What such a process is told. */
export interface FaultPoint {
    /** File in which each boundary is written as it is passed. */
    readonly log?: string;
    /** `after CREATE DATABASE#1`: the boundary at which it is killed. */
    readonly at?: string;
}

/** Tells that the process is right before or right after something that it does to the world outside. */
export type Pass = (when: "before" | "after", name: string) => void;

/** Counts the boundaries as they are passed, and kills the process at the one that is wanted. */
export function boundaries(fault: FaultPoint | null): Pass {
    const counts = new Map<string, number>();
    return (when, name) => {
        const key = `${when} ${name}`;
        const count = (counts.get(key) ?? 0) + 1;
        counts.set(key, count);
        const boundary = `${key}#${String(count)}`;
        if (fault?.log !== undefined) appendFileSync(fault.log, `${boundary}\n`);
        if (fault?.at === boundary) process.kill(process.pid, "SIGKILL");
    };
}

/** Passes the boundaries of every statement that has a name. */
export function watchStatements(pass: Pass, nameOf: (text: string) => string | undefined): void {
    const prototype = Client.prototype as unknown as { query: (...args: unknown[]) => unknown };
    const query = prototype.query;
    prototype.query = function (this: unknown, ...args: unknown[]): unknown {
        const text = textOf(args[0]);
        const name = text === undefined ? undefined : nameOf(text);
        if (name === undefined) return query.apply(this, args);
        pass("before", name);
        const answer = query.apply(this, args);
        const answered = (): void => {
            pass("after", name);
        };
        if (answer instanceof Promise) answer.then(answered, answered);
        return answer;
    };
}

function textOf(query: unknown): string | undefined {
    const text = typeof query === "string" ? query : (query as { readonly text?: unknown } | null)?.text;
    return typeof text === "string" ? text : undefined;
}
