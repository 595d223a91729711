import type { Agent, RequestOptions } from "node:https";
import { setTimeout as pause } from "node:timers/promises";
import { FailedError, RefusedError, SchemawardError } from "../errors";
import type { KubeConfig } from "@kubernetes/client-node" with { "resolution-mode": "import" };
import type { TrafficSettings } from "../traffic-settings";
import {
    type Answer,
    type Asked,
    isDistrusted,
    keepAlive,
    messageOf,
    reasonOf,
    requestText,
    send,
    whyAgain,
} from "./api-request";
import { loginFailure, readConfig, secretsIn, serverOf } from "./kubeconfig";

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

/** Milliseconds that one request may take with all its tries, where nothing else is set. */
const defaultPatience = 10_000;

/**
 * Logs in as kubectl would: by KUBECONFIG, ~/.kube/config, or the pod's own account. Asks nothing yet.
 * @throws BadInputError for a kubeconfig that cannot be read, or lacks the context
 */
export async function openCluster(settings: TrafficSettings["kubernetes"]): Promise<Cluster> {
    const { kubernetesClient } = require("#kubernetes-client") as typeof import("./kubernetes-client");
    const { KubeConfig } = await kubernetesClient();
    const logIn = (): KubeConfig => readConfig(new KubeConfig(), settings);
    let config = logIn();
    const server = serverOf(config);
    const agents = new Map<string, Agent>();
    const patienceOf = {
        patience: settings?.patienceSeconds === undefined ? defaultPatience : settings.patienceSeconds * 1000,
    };
    /** What logs in: kept out of every text. */
    const secrets = new Set<string>();
    const clean = (text: string): string => [...secrets].reduce((all, secret) => all.replaceAll(secret, "•••"), text);

    const once = async (asked: Asked, withinMs: number): Promise<Answer> => {
        const options: RequestOptions = {};
        try {
            // Anew for each request: a token may have been renewed since.
            await config.applyToHTTPSOptions(options);
        } catch (error) {
            throw loginFailure(error);
        }
        for (const secret of secretsIn(options)) secrets.add(secret);
        // The library makes an agent for each request; one that keeps its connections saves a handshake each time.
        options.agent = server.protocol === "https:" ? keepAlive(agents, options) : undefined;
        return send(server, asked, options, withinMs);
    };

    const ask = async (method: string, path: string, body?: unknown, type?: string): Promise<Answer> => {
        const asked = { method, path, body, type };
        const begun = performance.now();
        // It may become less while a request is tried.
        const left = (): number => begun + patienceOf.patience - performance.now();
        const giveUp = (why: string): ClusterSilent => silent(server.origin, requestText(asked), clean(why));
        let loggedInAnew = false;
        for (let attempt = 1; ; attempt++) {
            let why: string;
            let waitMs = Math.min(2000, 100 * 2 ** attempt) * (0.5 + Math.random());
            try {
                const answer = await once(asked, clamp(left(), minTryMs, tryMs(patienceOf.patience)));
                if (answer.status === 401 && !loggedInAnew) {
                    // What a login plugin gave may be out of date, whatever this clock says.
                    loggedInAnew = true;
                    config = logIn();
                    continue;
                }
                const refused = whyAgain(answer, asked);
                if (refused === undefined) return answer;
                why = refused;
                if (answer.retryAfter !== undefined) {
                    waitMs = Math.max(waitMs, answer.retryAfter * 1000);
                    if (waitMs > left()) throw giveUp(`${why} (asked again in ${answer.retryAfter} s at the earliest)`);
                }
            } catch (error) {
                if (error instanceof SchemawardError) throw error;
                why = reasonOf(error);
                if (isDistrusted(error)) throw giveUp(`its certificate is not trusted: ${why}`);
            }
            if (left() <= 0) throw giveUp(why);
            await pause(Math.min(waitMs, Math.max(0, left())));
        }
    };

    const need = (answer: Answer, method: string, path: string): KubernetesObject => {
        if (answer.status >= 200 && answer.status < 300) return answer.body as unknown as KubernetesObject;
        throw unwelcome(server.origin, clean(messageOf(answer)), answer.status, requestText({ method, path }));
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
            let more: boolean;
            let begun = 1;
            do {
                const parameters = new URLSearchParams({
                    limit: "500",
                    ...query,
                    ...(next === undefined ? {} : { continue: next }),
                });
                const answer = await ask("GET", `${path}?${parameters.toString()}`);
                if (answer.status === 404) return undefined;
                if (answer.status === 410 && next !== undefined && ++begun <= 5) {
                    // Too late for the next page: the server no longer has that moment. All anew.
                    items.length = 0;
                    next = undefined;
                    more = true;
                    continue;
                }
                const page = need(answer, "LIST", path) as unknown as {
                    readonly items: readonly KubernetesObject[];
                    readonly metadata: { readonly continue?: string };
                };
                items.push(...page.items);
                next = page.metadata.continue === "" ? undefined : page.metadata.continue;
                more = next !== undefined;
            } while (more);
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

/** Milliseconds that a try has, however little patience is left. */
const minTryMs = 500;

/** Milliseconds that one try may take: so that several fit in, for where a connection hangs another may not. */
function tryMs(patience: number): number {
    return Math.max(Math.min(5000, patience / 2), patience / 4);
}

function clamp(value: number, min: number, max: number): number {
    return Math.min(max, Math.max(min, value));
}

function silent(server: string, request: string, why: string): ClusterSilent {
    return new ClusterSilent({
        what: `Kubernetes does not answer (${request}): ${why}`,
        where: { object: server },
        next: "See that the API server can be reached from here, then run the same command again.",
    });
}

function unwelcome(server: string, message: string, status: number, request: string): SchemawardError {
    const what = `Kubernetes refuses ${request}: ${message}`;
    const where = { object: server };
    if (status === 401)
        return new RefusedError({
            what: `${what}: it does not know this login.`,
            where,
            next: "Log in anew (kubectl get namespaces must work with the same kubeconfig and context), then run the same command again.",
        });
    if (status === 403)
        return new RefusedError({
            what,
            where,
            next: "Give this login the right that is named (docs/traffic.md lists all that are needed), then run the same command again.",
        });
    return new FailedError({
        what: `${what} (${status})`,
        where,
        next: "See what it says, then run the same command again.",
    });
}
