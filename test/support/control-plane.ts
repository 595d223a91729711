import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { kubernetesNodes } from "../../tools/kubernetes-programs";
import { type ApiAnswer, type LocalKubernetes, startKubernetes } from "../../tools/local-kubernetes";
import { needs } from "./capability";
import { eventually } from "./eventually";

/** A control plane with nodes on which Deployments make pods (kwok's, which run nothing), as a test uses it. */
export interface ControlPlane {
    readonly kubernetes: LocalKubernetes;
    /** Asks as `admin`; a status that is no success fails the test. */
    ask(
        method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE",
        url: string,
        body?: object,
        type?: string,
    ): Promise<ApiAnswer["body"]>;
    /** Makes a namespace under a new name. */
    namespace(): Promise<string>;
    /** Makes a Deployment and waits for its pods. @param more of its pods' template */
    deployment(namespace: string, name: string, replicas: number, options?: DeploymentOptions): Promise<void>;
    /** `spec.replicas` of a Deployment. */
    replicas(namespace: string, name: string): Promise<number>;
    /** Names of a namespace's pods. */
    pods(namespace: string): Promise<string[]>;
    /** Stops one of its processes while something is done, or until it is let go on: without kwok, pods that are told to end stay. */
    without<T>(program: "kwok" | "kube-apiserver", work: (goOn: () => void) => Promise<T>): Promise<T>;
}

export interface DeploymentOptions {
    /** Version of its image, and of its pods' label; default 1.3.0. */
    readonly version?: string;
    /** Labels of the Deployment and its pods, besides `app`. */
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    /** Of its pods: something that keeps them from going. */
    readonly finalizers?: readonly string[];
}

/**
 * Gives the tests of the surrounding suite a control plane. Where Kubernetes cannot be had, they are skipped by name.
 * @param users without rights of their own; RBAC objects give them some
 */
export function withControlPlane(users: readonly string[] = []): () => ControlPlane {
    needs(kubernetesNodes);
    let plane: ControlPlane | undefined;
    before("the control plane is there", async function () {
        this.timeout(90_000);
        plane = await startControlPlane(users);
    });
    after("the control plane ends", async function () {
        this.timeout(60_000);
        await plane?.kubernetes.stop();
    });
    return () => {
        assert(plane, "The control plane is not there yet.");
        return plane;
    };
}

/** Starts one without mocha, whose capability was prepared; whoever starts it stops it. */
export async function startControlPlane(users: readonly string[] = []): Promise<ControlPlane> {
    return planeOf(await startKubernetes({ nodes: 3, users: Object.fromEntries(users.map((user) => [user, []])) }));
}

function planeOf(kubernetes: LocalKubernetes): ControlPlane {
    const ask: ControlPlane["ask"] = async (method, url, body, type) => {
        const answer = await kubernetes.request("admin", method, url, body, type);
        assert(answer.status < 300, `${method} ${url}: ${answer.status} ${JSON.stringify(answer.body)}`);
        return answer.body;
    };
    const podsOf = async (namespace: string): Promise<Pod[]> =>
        ((await ask("GET", `/api/v1/namespaces/${namespace}/pods`)) as unknown as { items: Pod[] }).items;
    return {
        kubernetes,
        ask,
        namespace: async () => {
            const name = `test-${randomBytes(4).toString("hex")}`;
            await ask("POST", "/api/v1/namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name } });
            return name;
        },
        deployment: async (namespace, name, replicas, options = {}) => {
            await ask(
                "POST",
                `/apis/apps/v1/namespaces/${namespace}/deployments`,
                deploymentNamed(name, replicas, options),
            );
            await eventually(
                async () =>
                    (await podsOf(namespace)).filter(
                        (p) => p.metadata.labels?.["app"] === name && p.status?.phase === "Running",
                    ).length === replicas,
                `${replicas} pods of ${name}`,
                30,
            );
        },
        replicas: async (namespace, name) => {
            const { spec } = (await ask(
                "GET",
                `/apis/apps/v1/namespaces/${namespace}/deployments/${name}`,
            )) as unknown as {
                spec: { replicas: number };
            };
            return spec.replicas;
        },
        pods: async (namespace) => (await podsOf(namespace)).map((p) => p.metadata.name),
        without: async (program, work) => {
            const pid = kubernetes.processes.get(program)?.pid;
            assert(pid !== undefined, `${program} is not there`);
            const goOn = (): void => {
                process.kill(pid, "SIGCONT");
            };
            process.kill(pid, "SIGSTOP");
            return work(goOn).finally(goOn);
        },
    };
}

interface Pod {
    readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
    readonly status?: { readonly phase?: string };
}

/** As a Deployment is written; `app` selects its pods. */
export function deploymentNamed(
    name: string,
    replicas: number,
    { version = "1.3.0", labels = {}, annotations = {}, finalizers }: DeploymentOptions = {},
): object {
    const own = { app: name, ...labels };
    return {
        apiVersion: "apps/v1",
        kind: "Deployment",
        metadata: { name, labels: own, annotations },
        spec: {
            replicas,
            selector: { matchLabels: { app: name } },
            template: {
                metadata: {
                    labels: { ...own, "app.kubernetes.io/version": version },
                    ...(finalizers === undefined ? {} : { finalizers }),
                },
                spec: {
                    terminationGracePeriodSeconds: 1,
                    containers: [{ name, image: `registry.example/${name}:${version}` }],
                },
            },
        },
    };
}
