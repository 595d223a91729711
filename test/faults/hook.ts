// Loaded into a process before everything else (node --require): kills it, as kill -9 does, right before or right after a chosen thing that it
// does to the world outside: a statement, a request to Kubernetes, a file that gets its name. Without being told to, it lists them.
import { appendFileSync, promises as fs } from "node:fs";
import https from "node:https";
import { Client } from "pg";

/** What the process is told, as JSON in SCHEMAWARD_FAULT. */
export interface Fault {
    /** Only in a process that has this in its arguments. */
    readonly only?: string;
    /** File in which each boundary is written as it is passed. */
    readonly log?: string;
    /** `before scaled#2`: the boundary at which it is killed. */
    readonly at?: string;
}

/** Names of what a statement does, where it leaves something behind. The first that fits counts. */
const statements: readonly (readonly [name: string, pattern: RegExp])[] = [
    ["planned", /INSERT INTO schemaward\.runs\b/],
    ["set recorded", /INSERT INTO schemaward\.sets\b/],
    ["gate recorded", /INSERT INTO schemaward\.gates\b/],
    ["gated", /'gated'/],
    ["snapshotted", /'snapshotted'/],
    ["recounted", /UPDATE schemaward\.runs SET plan\b/],
    ["scripts begun", /SET catalog = NULL/],
    ["verified", /'verified'/],
    ["held", /SET held_for\b/],
    ["resumed", /DELETE FROM schemaward\.gates\b/],
    ["done", /SET catalog = \$/],
    ["connect revoked", /^\s*REVOKE CONNECT/i],
    ["connect granted", /^\s*GRANT CONNECT/i],
    ["sessions ended", /pg_terminate_backend/],
    ["script", /schemaward_step|CONCURRENTLY/],
];

const fault = JSON.parse(process.env["SCHEMAWARD_FAULT"] ?? "null") as Fault | null;
const counts = new Map<string, number>();

function pass(when: "before" | "after", name: string): void {
    const key = `${when} ${name}`;
    const count = (counts.get(key) ?? 0) + 1;
    counts.set(key, count);
    const boundary = `${key}#${count}`;
    if (fault?.log !== undefined) appendFileSync(fault.log, `${boundary}\n`);
    if (fault?.at === boundary) process.kill(process.pid, "SIGKILL");
}

function nameOf(query: unknown): string | undefined {
    const text = typeof query === "string" ? query : (query as { readonly text?: unknown } | null)?.text;
    return typeof text === "string" ? statements.find(([, pattern]) => pattern.test(text))?.[0] : undefined;
}

function watchStatements(): void {
    const prototype = Client.prototype as unknown as { query: (...args: unknown[]) => unknown };
    const query = prototype.query;
    prototype.query = function (this: unknown, ...args: unknown[]): unknown {
        const name = nameOf(args[0]);
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

function watchRequests(): void {
    const request = https.request;
    const watched = (...args: unknown[]): unknown => {
        const [url, options] = args as [URL, { readonly method?: string }];
        const sent = (request as (...a: unknown[]) => NodeJS.EventEmitter)(...args);
        if (options.method !== "PATCH") return sent;
        // `/apis/apps/v1/namespaces/NAMESPACE/deployments/api/scale` → `PATCH deployments/scale`
        const [, plural = "", sub = ""] = /\/namespaces\/[^/]+\/([^/]+)\/[^/]+(\/[^/]+)?$/.exec(url.pathname) ?? [];
        const name = `PATCH ${plural}${sub}`;
        pass("before", name);
        sent.on("response", (response: NodeJS.EventEmitter) => {
            response.on("end", () => {
                pass("after", name);
            });
        });
        return sent;
    };
    https.request = watched as typeof https.request;
}

function watchFiles(): void {
    const link = fs.link;
    fs.link = async (from, to) => {
        pass("before", "snapshot file named");
        await link(from, to);
        pass("after", "snapshot file named");
    };
}

if (fault !== null && (fault.only === undefined || process.argv.some((arg) => arg.includes(fault.only ?? "")))) {
    watchStatements();
    watchRequests();
    watchFiles();
}
