import type * as Client from "@kubernetes/client-node" with { "resolution-mode": "import" };

/**
 * Loads Kubernetes' client, an ES module. Called by its name in package.json, `#kubernetes-client`, so that it stays outside of the command's
 * bundle: what runs there as a script of V8's cannot import.
 */
export async function kubernetesClient(): Promise<typeof Client> {
    return import("@kubernetes/client-node");
}
