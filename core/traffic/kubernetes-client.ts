/**
 * Loads Kubernetes' client, an ES module. Called by its name in package.json, `#kubernetes-client`, so that it stays outside of the command's
 * bundle: what runs there as a script of V8's cannot import.
 */
export async function kubernetesClient(): Promise<
    typeof import("@kubernetes/client-node", { with: { "resolution-mode": "import" } })
> {
    return import("@kubernetes/client-node");
}
