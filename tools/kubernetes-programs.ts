import { buildGoPrograms, goProgramsFolder, type GoPrograms } from "./go-programs";
import type { Capability, Prepared } from "./capability";

const version = "v1.33.13";

/** kube-apiserver and the etcd that its module names. */
export const apiServerPrograms: GoPrograms = {
    name: "kubernetes-api",
    from: { folder: "tools/kubernetes" },
    programs: { etcd: "go.etcd.io/etcd/server/v3", "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver" },
    variables: { "k8s.io/component-base/version.gitVersion": version },
};

/** What makes pods of Deployments and gives them nodes. */
export const controllerPrograms: GoPrograms = {
    name: "kubernetes-controllers",
    from: { folder: "tools/kubernetes" },
    programs: {
        "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
        "kube-scheduler": "k8s.io/kubernetes/cmd/kube-scheduler",
    },
    variables: { "k8s.io/component-base/version.gitVersion": version },
};

/** Nodes and pods that exist in the API only. */
export const nodePrograms: GoPrograms = {
    name: "kwok",
    from: { version: "v0.7.0" },
    programs: { kwok: "sigs.k8s.io/kwok/cmd/kwok" },
};

/** A Kubernetes API server: objects are checked, stored, read back; nothing runs. About 5 minutes to build on 2 cores. */
export const kubernetesApi: Capability = {
    name: "Kubernetes API server",
    budget: 900,
    prepare: () => buildGoPrograms(apiServerPrograms),
};

/** A whole control plane with nodes: Deployments scale. About 3 minutes more. */
export const kubernetesNodes: Capability = {
    name: "Kubernetes control plane with nodes",
    budget: 900,
    prepare: () => {
        for (const programs of [apiServerPrograms, controllerPrograms, nodePrograms]) {
            const prepared: Prepared = buildGoPrograms(programs);
            if (prepared.state !== "ready") return prepared;
        }
        return { state: "ready" };
    },
};

/** Folders of the programs that `startKubernetes` runs. */
export const kubernetesFolders = {
    api: (): string => goProgramsFolder(apiServerPrograms),
    controllers: (): string => goProgramsFolder(controllerPrograms),
    nodes: (): string => goProgramsFolder(nodePrograms),
};
