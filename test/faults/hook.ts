// Loaded into a process before everything else (node --require): kills it, as kill -9 does, right before or right after a chosen thing that it
// does to the world outside: a statement, a request to Kubernetes, a file that gets its name. Without being told to, it lists them.
import { promises as fs } from "node:fs";
import https from "node:https";
import { boundaries, type FaultPoint, watchStatements } from "../support/fault-points";

/** What the process is told, as JSON in SCHEMAWARD_FAULT. */
export interface Fault extends FaultPoint {
    /** Only in a process that has this in its arguments. */
    readonly only?: string;
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
const pass = boundaries(fault);

function nameOf(text: string): string | undefined {
    return statements.find(([, pattern]) => pattern.test(text))?.[0];
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
    watchStatements(pass, nameOf);
    watchRequests();
    watchFiles();
}
