import { Agent, request as httpsRequest, type RequestOptions } from "node:https";
import { request as httpRequest } from "node:http";

/** One request to a Kubernetes API server; `path` with its query. */
export interface Asked {
    readonly method: string;
    readonly path: string;
    readonly body?: unknown;
    readonly type?: string | undefined;
}

/** For people: `PATCH /apis/apps/v1/namespaces/prod/deployments/api`. */
export function requestText({ method, path }: Asked): string {
    return `${method} ${path.split("?")[0] ?? path}`;
}

/** What came back, whoever gave it. */
export interface Answer {
    readonly status: number;
    readonly body: Readonly<Record<string, unknown>>;
    /** Seconds. */
    readonly retryAfter: number | undefined;
    /** Whether a Kubernetes API server gave it, and not something before it: a load balancer, a portal to log in at. */
    readonly genuine: boolean;
}

/** Why it was refused, in the server's words. */
export function messageOf({ body }: Answer): string {
    return typeof body["message"] === "string" ? body["message"] : "it does not say why";
}

/** Why it is asked again; undefined: that is an answer. */
export function whyAgain(answer: Answer, { type, body }: Asked): string | undefined {
    const { status, genuine } = answer;
    if (status >= 500 || status === 429) return `it answers ${status}: ${messageOf(answer)}`;
    // That nothing is there is believed of Kubernetes alone: it would pass for traffic that has ended.
    if (status === 404 && !genuine) return `something before it answers 404: ${messageOf(answer)}`;
    if (status >= 200 && status < 300 && typeof answer.body["kind"] !== "string")
        return `something before it answers ${status}, and no object of Kubernetes`;
    // Others were changing it at that moment, and the change does not hang on what it was like.
    if (status === 409 && type === "application/merge-patch+json" && !isGuarded(body))
        return `it answers 409: ${messageOf(answer)}`;
    return undefined;
}

/** Whether a patch is for what was read before, and for nothing else. */
function isGuarded(body: unknown): boolean {
    const { metadata } = body as { readonly metadata?: { readonly resourceVersion?: string } };
    return metadata?.resourceVersion !== undefined;
}

/** A certificate that does not show that the server is the one that is meant: asking again does not change that. */
export function isDistrusted(error: unknown): boolean {
    return /^(?:ERR_TLS_CERT_|CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_)/.test(
        (error as NodeJS.ErrnoException).code ?? "",
    );
}

/** What an error of a connection says, of bounded length. */
export function reasonOf(error: unknown): string {
    if (!(error instanceof Error)) return String(error);
    const text = error.message.trim() || ((error as NodeJS.ErrnoException).code ?? "it does not say why");
    return text.length > 500 ? `${text.slice(0, 499)}…` : text;
}

/**
 * Sends it once.
 * @param options how to log in, and whom to trust
 * @throws Error when there is no whole answer in time
 */
export function send(
    server: URL,
    { method, path, body, type }: Asked,
    options: RequestOptions,
    withinMs: number,
): Promise<Answer> {
    return new Promise((resolve, reject) => {
        const url = new URL(server.pathname.replace(/\/$/, "") + path, server);
        const headers = {
            ...options.headers,
            accept: "application/json",
            ...(type === undefined ? {} : { "content-type": type }),
        };
        const request = server.protocol === "https:" ? httpsRequest : httpRequest;
        const sent = request(url, { ...options, method, headers }, (response) => {
            let text = "";
            response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
            response.on("error", fail);
            response.on("end", () => {
                clearTimeout(timer);
                try {
                    const after = Number(response.headers["retry-after"]);
                    const isJson = text.startsWith("{");
                    const parsed = isJson
                        ? (JSON.parse(text) as Record<string, unknown>)
                        : { message: text.trim().slice(0, 200) };
                    resolve({
                        status: response.statusCode ?? 0,
                        body: parsed,
                        retryAfter: Number.isFinite(after) ? after : undefined,
                        // For a kind that it does not know, Kubernetes answers in words; its audit's number is on every answer.
                        genuine: parsed["kind"] === "Status" || response.headers["audit-id"] !== undefined,
                    });
                } catch {
                    reject(new Error("its answer is cut off, or no JSON"));
                }
            });
        });
        const fail = (error: Error): void => {
            clearTimeout(timer);
            reject(error);
        };
        // Of a server that hangs nothing else is heard.
        const timer = setTimeout(() => {
            sent.destroy(new Error(`no answer within ${Math.round(withinMs / 100) / 10} s`));
        }, withinMs);
        sent.on("error", fail);
        sent.end(body === undefined ? undefined : JSON.stringify(body));
    });
}

/** One agent for each certificate that is logged in with. */
export function keepAlive(
    agents: Map<string, Agent>,
    { ca, cert, key, rejectUnauthorized, servername, agent }: RequestOptions,
): Agent | undefined {
    // A proxy's agent is the library's own.
    if (agent !== undefined && agent !== false && agent.constructor !== Agent) return agent as Agent;
    const name = JSON.stringify([ca, cert, rejectUnauthorized, servername].map((part) => String(part as unknown)));
    const known = agents.get(name);
    if (known !== undefined) return known;
    const options = { ca, cert, key, rejectUnauthorized, servername };
    const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
    const made = new Agent({ keepAlive: true, maxSockets: 32, ...given });
    agents.set(name, made);
    return made;
}
