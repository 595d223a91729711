import { once } from "node:events";
import http, { type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { pipeline } from "node:stream/promises";

export type S3Request =
    "list" | "list-uploads" | "put" | "begin" | "part" | "complete" | "abort" | "get" | "head" | "delete";

/** A request, as it came. */
export interface SeenRequest {
    readonly what: S3Request;
    /** Its number among those of its kind, from 1. */
    readonly nth: number;
    readonly part: number | undefined;
    /** Its Range header. */
    readonly range: string | undefined;
}

/** What becomes of a request. */
export type Fault =
    | { readonly status: number; readonly code: string; readonly message?: string }
    /** No answer. */
    | "hang"
    /** The server does it, and its answer is lost with the connection. */
    | "lose-answer"
    /** The connection is cut when so many bytes of the request's body have come. */
    | { readonly cutAfter: number }
    /** The connection is cut, or goes silent, when so many bytes of the answer's body have gone. */
    | { readonly cutAnswerAfter: number }
    | { readonly silentAfter: number }
    /** It is passed on once this has settled. */
    | { readonly after: Promise<unknown> };

/** Stands before a real S3 server by plain HTTP, and fails at will. */
export class FaultyS3 {
    readonly seen: SeenRequest[] = [];
    /** Asked for each request; undefined: passed on. */
    fault: (request: SeenRequest) => Fault | undefined = () => undefined;
    /** Whether objects that are read come back with another first byte. */
    garble = false;
    /** Requests whose client, or whose server, went away before their end. */
    broken = 0;
    /** Connections that wait for more of a silent answer. */
    silent = 0;
    private readonly server = http.createServer((request, response) => {
        this.serve(request, response).catch(() => {
            this.broken += 1;
            request.socket.destroy();
        });
    });
    private readonly agent = new http.Agent({ keepAlive: true });

    private constructor(private readonly upstream: URL) {}

    /** @param endpoint of the real server */
    static async start(endpoint: string): Promise<FaultyS3> {
        const proxy = new FaultyS3(new URL(endpoint));
        proxy.server.listen(0, "127.0.0.1");
        await once(proxy.server, "listening");
        return proxy;
    }

    get endpoint(): string {
        return `http://127.0.0.1:${String((this.server.address() as AddressInfo).port)}`;
    }

    /** Requests of one kind that came. */
    count(what: S3Request): number {
        return this.seen.filter((s) => s.what === what).length;
    }

    /** Forgets what it has seen, and fails no more. */
    reset(): void {
        this.seen.length = 0;
        this.broken = 0;
        this.fault = () => undefined;
    }

    async stop(): Promise<void> {
        this.server.close();
        this.server.closeAllConnections();
        this.agent.destroy();
        await once(this.server, "close");
    }

    private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
        const { method = "", url = "", headers, socket } = request;
        const query = new URL(url, this.upstream).searchParams;
        const what = kindOf(method, query);
        const part = query.get("partNumber");
        const seen: SeenRequest = {
            what,
            nth: this.count(what) + 1,
            part: part === null ? undefined : Number(part),
            range: headers.range,
        };
        this.seen.push(seen);
        const fault = this.fault(seen);
        if (fault === "hang") return;
        if (typeof fault === "object" && "status" in fault) {
            request.resume();
            await once(request, "end");
            const body =
                fault.status === 200
                    ? ""
                    : `<?xml version="1.0"?><Error><Code>${fault.code}</Code><Message>${fault.message ?? "out of order"}</Message></Error>`;
            response.writeHead(fault.status, { "content-type": "application/xml" }).end(body);
            return;
        }
        if (typeof fault === "object" && "after" in fault) await fault.after;
        const passed = http.request({
            ...{ host: this.upstream.hostname, port: this.upstream.port, agent: this.agent },
            ...{ method, path: url, headers },
        });
        passed.on("error", () => socket.destroy());
        const answered = once(passed, "response") as Promise<[IncomingMessage]>;
        // A server that ends in the midst of it is an error of the pipeline, too.
        answered.catch(() => undefined);
        if (typeof fault === "object" && "cutAfter" in fault) {
            await passSome(request, passed, fault.cutAfter);
            passed.destroy();
            socket.destroy();
            return;
        }
        await pipeline(request, passed);
        const [answer] = await answered;
        if (fault === "lose-answer") {
            answer.resume();
            await once(answer, "end");
            socket.destroy();
            return;
        }
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        if (typeof fault === "object" && "cutAnswerAfter" in fault) {
            await passSome(answer, response, fault.cutAnswerAfter);
            answer.destroy();
            socket.destroy();
        } else if (typeof fault === "object" && "silentAfter" in fault) {
            await passSome(answer, response, fault.silentAfter);
            this.silent += 1;
            socket.once("close", () => {
                this.silent -= 1;
                answer.destroy();
            });
        } else if (this.garble && what === "get") await pipeline(answer, garbled, response);
        else await pipeline(answer, response);
    }
}

async function* garbled(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    let first = true;
    for await (const chunk of source) {
        if (first) chunk[0] = (chunk[0] ?? 0) ^ 1;
        first = false;
        yield chunk;
    }
}

async function passSome(from: IncomingMessage, to: NodeJS.WritableStream, most: number): Promise<void> {
    let bytes = 0;
    // Without for await: it would destroy the source at the end.
    await new Promise<void>((resolve) => {
        from.on("end", resolve).on("data", (chunk: Buffer) => {
            if (bytes >= most) return;
            const some = chunk.subarray(0, most - bytes);
            bytes += some.length;
            to.write(some);
            if (bytes >= most) {
                from.pause();
                setImmediate(resolve);
            }
        });
    });
}

function kindOf(method: string, query: URLSearchParams): S3Request {
    if (method === "GET") return query.has("list-type") ? "list" : query.has("uploads") ? "list-uploads" : "get";
    if (method === "POST") return query.has("uploads") ? "begin" : "complete";
    if (method === "PUT") return query.has("partNumber") ? "part" : "put";
    if (method === "DELETE") return query.has("uploadId") ? "abort" : "delete";
    return "head";
}
