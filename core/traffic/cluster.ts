import { Agent, request as httpsRequest, type RequestOptions } from "node:https";
import { request as httpRequest } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { BadInputError, FailedError, RefusedError, SchemawardError } from "../errors";
import type { TrafficSettings } from "../traffic-settings";

/** Something that a login may be allowed to do in Kubernetes, as RBAC says it. */
export interface Right {
    readonly verb: "get" | "list" | "patch";
    /** API group; empty for Kubernetes' core. */
    readonly group: string;
    /** `deployments`, `deployments/scale` */
    readonly resource: string;
    readonly namespace: string;
}

/** `apply-patch` is server-side apply, forced: what is applied becomes ours. */
export type PatchType = "merge-patch" | "json-patch" | "apply-patch";

/** A Kubernetes object, of which only what is needed is known. */
export interface KubernetesObject {
    readonly apiVersion?: string;
    readonly kind?: string;
    readonly metadata: {
        readonly name: string;
        readonly namespace?: string;
        readonly resourceVersion: string;
        readonly labels?: Readonly<Record<string, string>>;
        readonly annotations?: Readonly<Record<string, string>>;
        readonly deletionTimestamp?: string;
        readonly finalizers?: readonly string[];
        readonly managedFields?: readonly {
            readonly manager?: string;
            readonly subresource?: string;
            readonly time?: string;
            readonly fieldsV1?: object;
        }[];
    };
    readonly spec?: Readonly<Record<string, unknown>>;
    readonly status?: Readonly<Record<string, unknown>>;
}

/** The name under which we change objects: a field manager of Kubernetes. */
export const fieldManager = "schemaward";

/** A login to one Kubernetes cluster. Requests that the server cannot serve now (429, 5xx, no connection) are tried again within the patience. */
export interface Cluster {
    /** Where it is, for people. */
    readonly server: string;
    /** Milliseconds that one request may take with all its tries. */
    patience: number;
    /** @returns undefined where there is no such object */
    get(path: string): Promise<KubernetesObject | undefined>;
    /** All of them, however many pages. @returns undefined where the server knows no such kind */
    list(path: string, query?: Readonly<Record<string, string>>): Promise<readonly KubernetesObject[] | undefined>;
    /**
     * Changes an object as the field manager `schemaward`.
     * @returns the object as it is now; `conflict` where it has changed since it was read (the patch names its resourceVersion, or tests for
     * something); undefined where it is gone
     */
    patch(path: string, type: PatchType, body: unknown): Promise<KubernetesObject | "conflict" | undefined>;
    /** Of some rights, those that this login does not have. */
    missing(rights: readonly Right[]): Promise<readonly Right[]>;
    close(): void;
}

/** Kubernetes does not answer, or not as it should. Nothing is known of what became of the last request. */
export class ClusterSilent extends FailedError {}

const defaultPatience = 10_000;

/**
 * Logs in as kubectl would: by KUBECONFIG, ~/.kube/config, or the pod's own account. Asks nothing yet.
 * @throws BadInputError for a kubeconfig that cannot be read, or lacks the context
 */
export async function openCluster(settings: TrafficSettings["kubernetes"]): Promise<Cluster> {
    const { KubeConfig } = await import("@kubernetes/client-node");
    const config = new KubeConfig();
    try {
        if (settings?.kubeconfig === undefined) config.loadFromDefault();
        else config.loadFromFile(settings.kubeconfig);
    } catch (error) {
        throw wrongConfig(`The kubeconfig cannot be read: ${error instanceof Error ? error.message : String(error)}`);
    }
    if (settings?.context !== undefined) {
        if (config.getContextObject(settings.context) === null)
            throw wrongConfig(
                `The kubeconfig has no context ${settings.context}; it has ${config.contexts.map((c) => c.name).join(", ")}.`,
            );
        config.setCurrentContext(settings.context);
    }
    const current = config.getCurrentCluster();
    if (current === null) throw wrongConfig("The kubeconfig names no current context.");
    const server = new URL(current.server);
    const agents = new Map<string, Agent>();
    const patienceOf = { patience: defaultPatience };

    const once = async (method: string, path: string, body?: unknown, type?: string): Promise<Answer> => {
        const options: RequestOptions = {};
        // Anew for each request: a token may have been renewed since.
        await config.applyToHTTPSOptions(options);
        // The library makes an agent for each request; one that keeps its connections saves a handshake each time.
        options.agent = server.protocol === "https:" ? keepAlive(agents, options) : undefined;
        return send(server, method, path, options, body, type);
    };

    const ask = async (method: string, path: string, body?: unknown, type?: string): Promise<Answer> => {
        const deadline = performance.now() + patienceOf.patience;
        for (let attempt = 1; ; attempt++) {
            let why: string;
            let waitMs = Math.min(2000, 100 * 2 ** attempt) * (0.5 + Math.random());
            try {
                const answer = await once(method, path, body, type);
                if (answer.status < 500 && answer.status !== 429) return answer;
                why = `it answers ${answer.status}: ${messageOf(answer)}`;
                if (answer.retryAfter !== undefined) waitMs = Math.max(waitMs, answer.retryAfter * 1000);
            } catch (error) {
                if (error instanceof SchemawardError) throw error;
                why =
                    error instanceof Error
                        ? error.message || String((error as { code?: unknown }).code)
                        : String(error);
            }
            if (performance.now() + waitMs > deadline)
                throw silent(server.origin, `${method} ${path.split("?")[0] ?? path}`, why);
            await pause(waitMs);
        }
    };

    const need = (answer: Answer, method: string, path: string): KubernetesObject => {
        if (answer.status >= 200 && answer.status < 300) return answer.body as unknown as KubernetesObject;
        throw unwelcome(server.origin, answer, `${method} ${path.split("?")[0] ?? path}`);
    };

    return {
        server: server.origin,
        get patience() {
            return patienceOf.patience;
        },
        set patience(ms: number) {
            patienceOf.patience = ms;
        },
        get: async (path) => {
            const answer = await ask("GET", path);
            return answer.status === 404 ? undefined : need(answer, "GET", path);
        },
        list: async (path, query = {}) => {
            const items: KubernetesObject[] = [];
            let next: string | undefined;
            do {
                const parameters = new URLSearchParams({
                    limit: "500",
                    ...query,
                    ...(next === undefined ? {} : { continue: next }),
                });
                const answer = await ask("GET", `${path}?${parameters.toString()}`);
                if (answer.status === 404) return undefined;
                const page = need(answer, "LIST", path) as unknown as {
                    readonly items: readonly KubernetesObject[];
                    readonly metadata: { readonly continue?: string };
                };
                items.push(...page.items);
                next = page.metadata.continue === "" ? undefined : page.metadata.continue;
            } while (next !== undefined);
            return items;
        },
        patch: async (path, type, body) => {
            const isApply = type === "apply-patch";
            const query = `fieldManager=${fieldManager}${isApply ? "&force=true" : ""}`;
            const contentType = `application/${type}+${isApply ? "yaml" : "json"}`;
            const answer = await ask("PATCH", `${path}?${query}`, body, contentType);
            if (answer.status === 404) return undefined;
            // A failed `test` of a JSON patch is told as 422.
            if (answer.status === 409 || (type === "json-patch" && answer.status === 422)) return "conflict";
            return need(answer, "PATCH", path);
        },
        missing: async (rights) => {
            const allowed = await Promise.all(
                rights.map(async ({ verb, group, resource: whole, namespace }) => {
                    const [resource, subresource] = whole.split("/");
                    const path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
                    const attributes = {
                        verb,
                        group,
                        resource,
                        namespace,
                        ...(subresource === undefined ? {} : { subresource }),
                    };
                    const review = {
                        apiVersion: "authorization.k8s.io/v1",
                        kind: "SelfSubjectAccessReview",
                        spec: { resourceAttributes: attributes },
                    };
                    const answer = await ask("POST", path, review, "application/json");
                    return need(answer, "POST", path).status?.["allowed"] === true;
                }),
            );
            return rights.filter((_, i) => allowed[i] !== true);
        },
        close: () => {
            for (const agent of agents.values()) agent.destroy();
        },
    };
}

interface Answer {
    readonly status: number;
    readonly body: Readonly<Record<string, unknown>>;
    /** Seconds. */
    readonly retryAfter: number | undefined;
}

/** Milliseconds that one try may take: of a server that hangs nothing else is heard. */
const tryMs = 15_000;

function send(
    server: URL,
    method: string,
    path: string,
    options: RequestOptions,
    body: unknown,
    type: string | undefined,
): Promise<Answer> {
    return new Promise((resolve, reject) => {
        const url = new URL(server.pathname.replace(/\/$/, "") + path, server);
        const headers = {
            ...options.headers,
            accept: "application/json",
            ...(type === undefined ? {} : { "content-type": type }),
        };
        const request = server.protocol === "https:" ? httpsRequest : httpRequest;
        const sent = request(url, { ...options, method, headers, timeout: tryMs }, (response) => {
            let text = "";
            response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
            response.on("error", reject);
            response.on("end", () => {
                try {
                    const after = Number(response.headers["retry-after"]);
                    resolve({
                        status: response.statusCode ?? 0,
                        body: text.startsWith("{")
                            ? (JSON.parse(text) as Record<string, unknown>)
                            : { message: text.slice(0, 200) },
                        retryAfter: Number.isFinite(after) ? after : undefined,
                    });
                } catch (error) {
                    reject(error instanceof Error ? error : new Error(String(error)));
                }
            });
        });
        sent.on("timeout", () => sent.destroy(new Error(`no answer within ${tryMs / 1000} s`)));
        sent.on("error", reject);
        sent.end(body === undefined ? undefined : JSON.stringify(body));
    });
}

/** One agent for each certificate that is logged in with. */
function keepAlive(
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

function messageOf({ body }: Answer): string {
    return typeof body["message"] === "string" ? body["message"] : "it does not say why";
}

function silent(server: string, request: string, why: string): ClusterSilent {
    return new ClusterSilent({
        what: `Kubernetes does not answer (${request}): ${why}`,
        where: { object: server },
        next: "See that the API server can be reached from here, then run the same command again.",
    });
}

function unwelcome(server: string, answer: Answer, request: string): SchemawardError {
    const what = `Kubernetes refuses ${request}: ${messageOf(answer)}`;
    if (answer.status === 401 || answer.status === 403)
        return new RefusedError({
            what,
            where: { object: server },
            next: "Give this login the right that is named (docs/traffic.md lists all that are needed), then run the same command again.",
        });
    return new FailedError({
        what: `${what} (${answer.status})`,
        where: { object: server },
        next: "See what it says, then run the same command again.",
    });
}

function wrongConfig(what: string): BadInputError {
    return new BadInputError({
        what,
        where: { object: "traffic.kubernetes" },
        state: "Nothing was touched.",
        next: "Correct the kubeconfig, or name another with traffic.kubernetes: { kubeconfig: FILE, context: NAME }.",
    });
}
