import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import https from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import type { LocalKubernetes } from "../../tools/local-kubernetes";

/** A request, as it came. */
export interface SeenRequest {
    readonly method: string;
    /** With its query. */
    readonly url: string;
    /** Milliseconds of `performance.now()`. */
    readonly at: number;
}

/** What becomes of a request instead of an answer of the real server. */
export type Fault =
    | "hang"
    /** The connection is cut before an answer. */
    | "cut"
    /** The real server does it, and the connection is cut before its answer has come. */
    | "lose-answer"
    /** The real server does it, and half of its answer comes. */
    | "cut-answer"
    | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string };

/** Stands between a client and a real API server, with that one's own certificate, and fails at will. */
export class FaultyApi {
    readonly seen: SeenRequest[] = [];
    /** Asked for each request; undefined: passed on. */
    fault: (request: SeenRequest) => Fault | undefined = () => undefined;
    private readonly dir = mkdtempSync(path.join(tmpdir(), "schemaward-faulty-api-"));
    private readonly server: https.Server;
    private readonly agent: https.Agent;

    private constructor(private readonly kubernetes: LocalKubernetes) {
        const file = (name: string): Buffer => readFileSync(path.join(kubernetes.home, "certificates", name));
        this.agent = new https.Agent({ keepAlive: true, ca: kubernetes.ca });
        this.server = https.createServer(
            { cert: file("apiserver.crt"), key: file("apiserver.key") },
            (request, response) => {
                this.serve(request, response);
            },
        );
    }

    static async start(kubernetes: LocalKubernetes): Promise<FaultyApi> {
        const api = new FaultyApi(kubernetes);
        api.server.listen(0, "127.0.0.1");
        await once(api.server, "listening");
        return api;
    }

    get url(): string {
        return `https://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
    }

    /** A kubeconfig that leads here. @param change its text before it is written */
    kubeconfig(user: string, change: (text: string) => string = (text) => text): string {
        const text = readFileSync(this.kubernetes.kubeconfig(user), "utf8").replace(this.kubernetes.server, this.url);
        return this.write(`kubeconfig-${Math.random().toString(36).slice(2)}`, change(text));
    }

    /** Writes a file that goes with this server. */
    write(name: string, text: string): string {
        const file = path.join(this.dir, name);
        writeFileSync(file, text, { mode: 0o700 });
        return file;
    }

    /** Lets these become of the next requests, one each, and passes all others on. */
    next(...faults: readonly Fault[]): void {
        const waiting = [...faults];
        this.fault = () => waiting.shift();
    }

    /** Forgets what it has seen, and fails no more. */
    reset(): void {
        this.seen.length = 0;
        this.fault = () => undefined;
    }

    async stop(): Promise<void> {
        this.server.close();
        this.server.closeAllConnections();
        this.agent.destroy();
        await once(this.server, "close");
        rmSync(this.dir, { recursive: true, force: true });
    }

    private serve(request: IncomingMessage, response: ServerResponse): void {
        const { method = "", url = "" } = request;
        const seen = { method, url, at: performance.now() };
        this.seen.push(seen);
        const fault = this.fault(seen);
        if (fault === "hang") return;
        if (fault === "cut") {
            request.socket.destroy();
            return;
        }
        if (typeof fault === "object") {
            response.writeHead(fault.status, fault.headers).end(fault.body ?? "out of order");
            return;
        }
        const { headers } = request;
        const options = { method, headers, agent: this.agent };
        const passed = https.request(new URL(url, this.kubernetes.server), options, (answer) => {
            if (fault === undefined) {
                response.writeHead(answer.statusCode ?? 502, answer.headers);
                answer.pipe(response);
                return;
            }
            const chunks: Buffer[] = [];
            answer.on("data", (chunk: Buffer) => chunks.push(chunk));
            answer.on("end", () => {
                const half = Buffer.concat(chunks);
                response.writeHead(answer.statusCode ?? 502, { "content-length": half.length });
                if (fault === "cut-answer") response.write(half.subarray(0, half.length / 2));
                setImmediate(() => request.socket.destroy());
            });
        });
        passed.on("error", () => request.socket.destroy());
        request.pipe(passed);
    }
}
