import type { RequestOptions } from "node:https";
import type { KubeConfig } from "@kubernetes/client-node" with { "resolution-mode": "import" };
import { BadInputError } from "../errors";
import type { TrafficSettings } from "../traffic-settings";
import { reasonOf } from "./api-request";

/**
 * Reads the kubeconfig that is declared, or kubectl's, into an empty one.
 * @throws BadInputError when it cannot be read, or lacks the context
 */
export function readConfig(config: KubeConfig, settings: TrafficSettings["kubernetes"]): KubeConfig {
    try {
        if (settings?.kubeconfig === undefined) config.loadFromDefault();
        else config.loadFromFile(settings.kubeconfig);
    } catch (error) {
        // What is wrong with YAML is shown by the reader with the lines around it, which may hold a token.
        const { name, mark } = error as { readonly name?: string; readonly mark?: { readonly line?: number } };
        throw wrongConfig(
            `The kubeconfig cannot be read: ${name === "YAMLException" ? `line ${(mark?.line ?? 0) + 1} is no YAML` : reasonOf(error)}`,
        );
    }
    if (settings?.context !== undefined) {
        if (config.getContextObject(settings.context) === null)
            throw wrongConfig(
                `The kubeconfig has no context ${settings.context}; it has ${config.contexts.map((c) => c.name).join(", ")}.`,
            );
        config.setCurrentContext(settings.context);
    }
    return config;
}

/** Where the cluster of the current context is. @throws BadInputError where there is none, or it is not reached by https */
export function serverOf(config: KubeConfig): URL {
    const current = config.getCurrentCluster();
    if (current === null) throw wrongConfig("The kubeconfig names no current context, or one whose cluster it lacks.");
    // What the library takes where it finds nothing.
    if (config.getCurrentContext() === "loaded-context")
        throw wrongConfig("There is no kubeconfig here (KUBECONFIG, ~/.kube/config), and no pod's own account.");
    if (!URL.canParse(current.server)) throw wrongConfig(`The server of cluster ${current.name} is no URL.`);
    const server = new URL(current.server);
    if (server.protocol !== "https:" && !current.skipTLSVerify)
        throw wrongConfig(
            `The server of cluster ${current.name}, ${server.origin}, is not reached by https: what it says could be anybody's.`,
        );
    return server;
}

/** What of a login nobody may see. */
export function secretsIn({ headers, auth }: RequestOptions): string[] {
    const { Authorization: header } = (headers ?? {}) as Readonly<Record<string, string | undefined>>;
    const password = typeof auth === "string" ? auth.slice(auth.indexOf(":") + 1) : "";
    return [(header ?? "").replace(/^Bearer\s+/, ""), password].filter((secret) => secret.length >= 4);
}

/** A login plugin that gives no login. */
export function loginFailure(error: unknown): Error {
    // A reader of JSON shows what it could not read, which may be a token.
    if (error instanceof SyntaxError) return new Error("the login plugin of the kubeconfig does not answer in JSON");
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return wrongConfig(`What the kubeconfig logs in with is not there: ${reasonOf(error)}`);
    return new Error(`the login of the kubeconfig fails: ${reasonOf(error)}`);
}

function wrongConfig(what: string): BadInputError {
    return new BadInputError({
        what,
        where: { object: "traffic.kubernetes" },
        state: "Nothing was touched.",
        next: "Correct the kubeconfig, or name another with traffic.kubernetes: { kubeconfig: FILE, context: NAME }.",
    });
}
