import { generateKeyPairSync, randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import https from "node:https";
import os from "node:os";
import path from "node:path";
import { stringify } from "yaml";
import { kubernetesFolders } from "./kubernetes-programs";
import { freePort } from "./local-postgres";
import { type ServerProcess, startProcess, until } from "./server-process";

export interface KubernetesOptions {
    /** How many nodes; default 0: only an API server, in which Deployments are stored and make no pods. */
    readonly nodes?: number;
    /** Users besides `admin`, with their groups; rights are given by RBAC objects. */
    readonly users?: Readonly<Record<string, readonly string[]>>;
}

/** A Kubernetes control plane of one's own. */
export interface LocalKubernetes {
    /** `https://127.0.0.1:PORT` */
    readonly server: string;
    /** Certificate to verify the server by, PEM. */
    readonly ca: string;
    /** Token of a user; `admin` may do everything. */
    token(user: string): string;
    /** A kubeconfig file for a user. */
    kubeconfig(user: string): string;
    /** One request to the API server, as a user, its certificate verified. */
    request(user: string, method: Method, url: string, body?: object, contentType?: string): Promise<ApiAnswer>;
    /** The folder of all its files. */
    readonly home: string;
    /** Processes by program: kube-apiserver, etcd, kube-controller-manager, … */
    readonly processes: ReadonlyMap<string, ServerProcess>;
    /** Starts the API server, which has ended, again on the same port, and waits until it is ready. */
    startAgain(program: "kube-apiserver"): Promise<void>;
    /** Ends everything and removes its files. */
    stop(): Promise<void>;
}

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/** What the API server said. */
export interface ApiAnswer {
    readonly status: number;
    /** An object, or a Status with `message`. */
    readonly body: Record<string, unknown>;
}

/** The control plane's own users. Only the API server's rights are under test, so these have all. */
const ownUsers: Readonly<Record<string, readonly string[]>> = {
    admin: ["system:masters"],
    "controller-manager": ["system:masters"],
    scheduler: ["system:masters"],
    kwok: ["system:masters"],
};

/** For Go's runtime: with five times what is in use as its heap, a control plane on two cores spends its time on requests. */
const fewerCollections = { GOGC: "400" };

/** Starts a control plane on free ports and waits until it is ready. Its capability was prepared. */
export async function startKubernetes(options: KubernetesOptions = {}): Promise<LocalKubernetes> {
    const home = await mkdtemp(path.join(os.tmpdir(), "schemaward-kubernetes-"));
    const processes = new Map<string, ServerProcess>();
    const stop = async (): Promise<void> => {
        // Last started, first ended: nobody loses the server it talks to.
        for (const running of [...processes.values()].reverse()) await running.end("SIGTERM");
        await rm(home, { recursive: true, force: true });
    };
    try {
        const users = { ...ownUsers, ...options.users };
        const tokens = new Map(Object.keys(users).map((user) => [user, randomBytes(16).toString("hex")]));
        const starts = new Map<string, () => ServerProcess>();
        const start = (folder: string, program: string, args: readonly string[]): ServerProcess => {
            const again = (): ServerProcess => {
                const running = startProcess(path.join(folder, program), args, { cwd: home, env: fewerCollections });
                processes.set(program, running);
                return running;
            };
            starts.set(program, again);
            return again();
        };
        const etcd = await startEtcd(start, home);
        const api = await startApiServer(start, home, etcd, users, tokens);
        const token = (user: string): string => {
            const found = tokens.get(user);
            if (found === undefined) throw new Error(`no user ${user}: name it in startKubernetes({ users })`);
            return found;
        };
        for (const user of tokens.keys())
            await writeFile(path.join(home, `${user}.kubeconfig`), kubeconfigOf(api, user, token(user)), {
                mode: 0o600,
            });
        const kubeconfig = (user: string): string => path.join(home, `${user}.kubeconfig`);
        if ((options.nodes ?? 0) > 0)
            await startNodes(start, home, api, kubeconfig, token("admin"), options.nodes ?? 0);
        return {
            ...api,
            token,
            kubeconfig,
            request: async (user, method, url, body, contentType) => {
                const answer = await request(api, method, url, token(user), body, contentType);
                return { status: answer.status, body: JSON.parse(answer.body) as Record<string, unknown> };
            },
            home,
            processes,
            startAgain: async (program) => {
                const running = starts.get(program)?.();
                if (running !== undefined) await until(running, async () => isReady(api, token("admin")));
            },
            stop,
        };
    } catch (error) {
        await stop();
        throw error;
    }
}

/** A fifth of all that controllers write is what happened when, which nobody here reads. */
const eventLimit = {
    apiVersion: "apiserver.config.k8s.io/v1",
    kind: "AdmissionConfiguration",
    plugins: [
        {
            name: "EventRateLimit",
            configuration: {
                apiVersion: "eventratelimit.admission.k8s.io/v1alpha1",
                kind: "Configuration",
                limits: [{ type: "Server", qps: 1, burst: 1 }],
            },
        },
    ],
};

type Start = (folder: string, program: string, args: readonly string[]) => ServerProcess;

interface Api {
    readonly server: string;
    readonly ca: string;
}

async function startEtcd(start: Start, home: string): Promise<string> {
    const client = `http://127.0.0.1:${await freePort()}`;
    const peer = `http://127.0.0.1:${await freePort()}`;
    const etcd = start(kubernetesFolders.api(), "etcd", [
        ...["--data-dir", path.join(home, "etcd"), "--unsafe-no-fsync", "--log-level", "warn"],
        ...["--listen-client-urls", client, "--advertise-client-urls", client],
        ...["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", `default=${peer}`],
    ]);
    await until(etcd, async () => (await fetch(`${client}/health`)).ok);
    return client;
}

async function startApiServer(
    start: Start,
    home: string,
    etcd: string,
    users: Readonly<Record<string, readonly string[]>>,
    tokens: ReadonlyMap<string, string>,
): Promise<Api> {
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const key = path.join(home, "service-account.key");
    await writeFile(key, privateKey.export({ type: "pkcs1", format: "pem" }), { mode: 0o600 });
    const tokenFile = path.join(home, "tokens.csv");
    const rows = Object.entries(users).map(
        ([user, groups]) => `${tokens.get(user) ?? ""},${user},${user},"${groups.join(",")}"`,
    );
    await writeFile(tokenFile, `${rows.join("\n")}\n`, { mode: 0o600 });
    const certificates = path.join(home, "certificates");
    await mkdir(certificates);
    const admission = path.join(home, "admission.yaml");
    await writeFile(admission, stringify(eventLimit));
    const port = await freePort();
    const apiServer = start(kubernetesFolders.api(), "kube-apiserver", [
        ...["--etcd-servers", etcd, "--bind-address", "127.0.0.1", "--secure-port", String(port)],
        // It signs its own certificate into this folder; that is what clients verify it by.
        ...["--cert-dir", certificates, "--endpoint-reconciler-type", "none"],
        ...["--token-auth-file", tokenFile, "--authorization-mode", "RBAC", "--anonymous-auth=false"],
        // No controllers make service accounts here, and kwok's nodes would keep the taint of a node that is not ready.
        "--disable-admission-plugins=ServiceAccount,TaintNodesByCondition",
        ...["--enable-admission-plugins=EventRateLimit", "--admission-control-config-file", admission],
        ...["--service-cluster-ip-range", "10.0.0.0/24", "--service-account-issuer", "https://kubernetes.default.svc"],
        ...["--service-account-signing-key-file", key, "--service-account-key-file", key],
    ]);
    const server = `https://127.0.0.1:${port}`;
    let ca = "";
    await until(apiServer, async () => {
        ca = await readFile(path.join(certificates, "apiserver.crt"), "utf8");
        return isReady({ server, ca }, tokens.get("admin") ?? "");
    });
    return { server, ca };
}

async function isReady(api: Api, token: string): Promise<boolean> {
    return (await request(api, "GET", "/readyz", token)).status === 200;
}

function kubeconfigOf(api: Api, user: string, token: string): string {
    return stringify({
        apiVersion: "v1",
        kind: "Config",
        clusters: [
            {
                name: "local",
                cluster: { server: api.server, "certificate-authority-data": Buffer.from(api.ca).toString("base64") },
            },
        ],
        users: [{ name: user, user: { token } }],
        contexts: [{ name: "local", context: { cluster: "local", user } }],
        "current-context": "local",
    });
}

async function startNodes(
    start: Start,
    home: string,
    api: Api,
    kubeconfig: (user: string) => string,
    admin: string,
    count: number,
): Promise<void> {
    const as = (user: string): string[] => ["--kubeconfig", kubeconfig(user)];
    const alone = ["--leader-elect=false", "--secure-port=0"];
    // By default they ask 20 and 50 times a second: a hundred Deployments would wait for that, not for what is tested.
    const asOftenAsNeeded = ["--kube-api-qps=2000", "--kube-api-burst=4000"];
    start(kubernetesFolders.controllers(), "kube-controller-manager", [
        ...as("controller-manager"),
        ...alone,
        ...["--service-account-private-key-file", path.join(home, "service-account.key")],
        // Every 15 s by default, which a test would have to wait for.
        "--horizontal-pod-autoscaler-sync-period=1s",
        ...asOftenAsNeeded,
        ...["--concurrent-deployment-syncs=20", "--concurrent-replicaset-syncs=20"],
    ]);
    start(kubernetesFolders.controllers(), "kube-scheduler", [...as("scheduler"), ...alone, ...asOftenAsNeeded]);
    const kwok = start(kubernetesFolders.nodes(), "kwok", [...as("kwok"), "--manage-all-nodes=true", "-v=WARN"]);
    for (let i = 0; i < count; i++) {
        const created = await request(api, "POST", "/api/v1/nodes", admin, nodeNamed(`node-${i}`));
        if (created.status !== 201) throw new Error(`no node: ${created.body}`);
    }
    await until(kwok, async () => {
        const { body } = await request(api, "GET", "/api/v1/nodes", admin);
        const { items } = JSON.parse(body) as {
            items: { status: { conditions?: { type: string; status: string }[] } }[];
        };
        return items.every((n) => n.status.conditions?.some((c) => c.type === "Ready" && c.status === "True") === true);
    });
}

function nodeNamed(name: string): object {
    const room = { cpu: "32", memory: "256Gi", pods: "110" };
    return {
        apiVersion: "v1",
        kind: "Node",
        metadata: { name, annotations: { "kwok.x-k8s.io/node": "fake" }, labels: { "kubernetes.io/hostname": name } },
        status: { allocatable: room, capacity: room },
    };
}

function request(
    api: Api,
    method: Method,
    url: string,
    token: string,
    body?: object,
    contentType = "application/json",
): Promise<{ readonly status: number; readonly body: string }> {
    return new Promise((resolve, reject) => {
        const headers = { authorization: `Bearer ${token}`, "content-type": contentType };
        const sent = https.request(new URL(url, api.server), { method, ca: api.ca, headers }, (response) => {
            let text = "";
            response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
            response.on("end", () => {
                resolve({ status: response.statusCode ?? 0, body: text });
            });
        });
        sent.on("error", reject);
        sent.end(body === undefined ? undefined : JSON.stringify(body));
    });
}
