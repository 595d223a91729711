import assert from "node:assert/strict";
import { BadInputError, FailedError, RefusedError } from "../../core/errors";
import { type Cluster, openCluster } from "../../core/traffic/cluster";
import { gateAnnotation } from "../../core/traffic/marks";
import type { GateTools, ServicePart } from "../../core/traffic/part";
import { service } from "../../core/traffic/service";
import { withControlPlane } from "../support/control-plane";
import { eventually } from "../support/eventually";

/** What these tests read of objects. */
interface FoundService {
    readonly metadata: {
        readonly annotations?: Readonly<Record<string, string>>;
        readonly managedFields: readonly { readonly manager: string }[];
    };
    readonly spec: { readonly selector?: Readonly<Record<string, string>> };
}
interface FoundSlices {
    readonly items: readonly {
        readonly endpoints: readonly { readonly targetRef: { readonly name: string } }[] | null;
    }[];
}

const merge = "application/merge-patch+json";

describe("traffic through a Service", function () {
    this.timeout(60_000);
    const plane = withControlPlane(["gate"]);
    const clusters: Cluster[] = [];
    let namespace: string;
    let part: ServicePart;
    let tools: GateTools;

    beforeEach(async () => {
        namespace = await plane().namespace();
        part = {
            kind: "service",
            apiVersion: "v1",
            resource: "Service",
            plural: "services",
            namespace,
            name: "api",
            selector: { app: "api", tier: "backend" },
            to: { app: "maintenance" },
        };
        tools = await toolsOf("admin");
        await plane().deployment(namespace, "api", 2, { labels: { tier: "backend" } });
        await plane().ask("POST", `/api/v1/namespaces/${namespace}/services`, {
            apiVersion: "v1",
            kind: "Service",
            metadata: { name: "api" },
            spec: { selector: part.selector, ports: [{ port: 80 }] },
        });
        await eventually(async () => (await endpoints()).length === 2, "two endpoints");
    });
    afterEach(() => {
        for (const cluster of clusters.splice(0)) cluster.close();
    });

    async function toolsOf(user: string, owner = "1/shop/db"): Promise<GateTools> {
        const cluster = await openCluster({ kubeconfig: plane().kubernetes.kubeconfig(user) });
        clusters.push(cluster);
        return { cluster, client: undefined as never, owner, runId: "run-1", say: () => undefined };
    }

    function url(): string {
        return `/api/v1/namespaces/${namespace}/services/api`;
    }

    async function found(): Promise<{ selector: unknown; mark: unknown; managers: unknown[] }> {
        const { metadata, spec } = (await plane().ask("GET", url())) as unknown as FoundService;
        return {
            selector: spec.selector,
            mark: metadata.annotations?.[gateAnnotation],
            managers: metadata.managedFields.map(({ manager }) => manager),
        };
    }

    /** Names of the pods that the Service leads to. */
    async function endpoints(): Promise<string[]> {
        const slices = `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices?labelSelector=kubernetes.io/service-name=api`;
        const { items } = (await plane().ask("GET", slices)) as unknown as FoundSlices;
        return items.flatMap((slice) => (slice.endpoints ?? []).map((e) => e.targetRef.name)).sort();
    }

    async function select(selector: Readonly<Record<string, string | null>>): Promise<void> {
        await plane().ask("PATCH", url(), { spec: { selector } }, merge);
    }

    async function stopped(): Promise<void> {
        await service.stop(part, tools);
        await eventually(async () => (await service.flows(part, tools)) === undefined, "the end of traffic");
    }

    it("is led to other pods, and back: a label that only one of both selects by is there only then", async () => {
        await plane().deployment(namespace, "maintenance", 1);
        assert.match((await service.flows(part, tools)) ?? "", /no longer led to app=maintenance: it selects app=api,/);
        await stopped();
        assert.deepEqual((await found()).selector, { app: "maintenance" });
        const [pod = ""] = await endpoints();
        assert.match(pod, /^maintenance-/);
        await service.resume(part, tools);
        const { selector, mark, managers } = await found();
        assert.deepEqual(selector, part.selector);
        assert.equal(mark, undefined);
        assert(!managers.includes("schemaward"), "Pulumi's apply would meet a conflict");
        await eventually(async () => (await endpoints()).every((name) => name.startsWith("api-")), "the old endpoints");
    });

    it("is led to nobody where no pod has the labels", async () => {
        await stopped();
        assert.deepEqual(await endpoints(), []);
    });

    it("traffic flows as long as a pod of before is among the endpoints, which lag behind", async () => {
        await service.stop(part, tools);
        await eventually(async () => (await endpoints()).length === 0, "no endpoints");
        const old = (await plane().pods(namespace))[0] ?? "";
        const slice = {
            apiVersion: "discovery.k8s.io/v1",
            kind: "EndpointSlice",
            metadata: { name: "late", labels: { "kubernetes.io/service-name": "api" } },
            addressType: "IPv4",
            endpoints: [
                { addresses: ["10.9.9.9"], targetRef: { kind: "Pod", name: old, namespace } },
                { addresses: ["10.9.9.8"] },
            ],
            ports: [],
        };
        const slices = `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`;
        await plane().ask("POST", slices, slice);
        assert.equal(
            await service.flows(part, tools),
            `Service ${namespace}/api still leads to ${old}, 10.9.9.8 (no pod)`,
        );
        await plane().ask("DELETE", `${slices}/late`);
        assert.equal(await service.flows(part, tools), undefined);
    });

    it("a second stop remembers what was before the first one, and a second resume changes nothing", async () => {
        await service.stop(part, tools);
        const { mark } = await found();
        await service.stop(part, tools);
        assert.equal((await found()).mark, mark);
        // As a run that takes over finds it: led away already.
        const later = { ...part, selector: part.to };
        await service.stop(later, tools);
        await service.resume(later, tools);
        await service.resume(later, tools);
        assert.deepEqual((await found()).selector, part.selector);
    });

    it("stops again what was led back meanwhile, and says until then that traffic flows", async () => {
        await stopped();
        await select({ app: "api" });
        assert.match((await service.flows(part, tools)) ?? "", /no longer led to app=maintenance: it selects app=api$/);
        await service.stop(part, tools);
        await service.resume(part, tools);
        assert.deepEqual((await found()).selector, part.selector);
    });

    it("where a person led it stays, also when it is resumed", async () => {
        await service.stop(part, tools);
        await select({ app: "other" });
        await service.resume(part, tools);
        const { selector, mark } = await found();
        assert.deepEqual(selector, { app: "other" });
        assert.equal(mark, undefined);
    });

    it("what was on the maintenance page before stays there", async () => {
        await select({ app: "maintenance", tier: null });
        await service.stop({ ...part, selector: part.to }, tools);
        await service.resume({ ...part, selector: part.to }, tools);
        assert.deepEqual((await found()).selector, part.to);
    });

    it("what another owner has stopped is neither stopped nor resumed", async () => {
        await service.stop(part, tools);
        const other = await toolsOf("admin", "1/shop/other");
        await assert.rejects(service.stop(part, other), RefusedError);
        await service.resume(part, other);
        assert.deepEqual((await found()).selector, part.to);
    });

    it("others may change the selector once its fields are released, without force", async () => {
        await service.stop(part, tools);
        const apply = async (): Promise<number> => {
            const body = {
                apiVersion: "v1",
                kind: "Service",
                spec: { selector: { app: "new" }, ports: [{ port: 80 }] },
            };
            const query = `${url()}?fieldManager=pulumi`;
            return (await plane().kubernetes.request("admin", "PATCH", query, body, "application/apply-patch+yaml"))
                .status;
        };
        assert.equal(await apply(), 409);
        await service.release?.(part, tools);
        assert.deepEqual((await found()).selector, part.to);
        assert((await found()).managers.every((manager) => manager !== "schemaward"));
        assert.equal(await apply(), 200);
        await service.resume(part, tools);
        assert.deepEqual((await found()).selector, { app: "new" });
    });

    it("the command by hand puts it back, without our mark", async () => {
        await service.stop(part, tools);
        const command = service.byHand(part);
        const [, target, patch = ""] =
            /^kubectl patch (service api -n \S+) --type=merge -p '(.*)'$/.exec(command) ?? [];
        assert.equal(target, `service api -n ${namespace}`);
        await plane().ask("PATCH", url(), JSON.parse(patch) as object, merge);
        const { selector, mark } = await found();
        assert.deepEqual(selector, part.selector);
        assert.equal(mark, undefined);
    });

    it("does with the rights that it names, and with no fewer", async () => {
        const rights = service.rights(part);
        const allow = async (kept: typeof rights): Promise<void> => {
            const rules = kept.map(({ verb, group, resource }) => ({
                apiGroups: [group],
                resources: [resource],
                verbs: [verb],
            }));
            const roles = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/roles`;
            const role = {
                apiVersion: "rbac.authorization.k8s.io/v1",
                kind: "Role",
                metadata: { name: "gate" },
                rules,
            };
            await plane().ask(
                "PATCH",
                `${roles}/gate?fieldManager=test&force=true`,
                role,
                "application/apply-patch+yaml",
            );
        };
        await plane().ask("POST", `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/rolebindings`, {
            metadata: { name: "gate" },
            roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "gate" },
            subjects: [{ kind: "User", name: "gate", apiGroup: "rbac.authorization.k8s.io" }],
        });
        const gate = await toolsOf("gate");
        const all = async (): Promise<void> => {
            await service.stop(part, gate);
            await service.flows(part, gate);
            await service.release?.(part, gate);
            await service.resume(part, gate);
        };
        await allow(rights);
        await eventually(async () => (await gate.cluster?.missing(rights))?.length === 0, "the rights");
        await all();
        for (const right of rights) {
            await allow(rights.filter((r) => r !== right));
            await eventually(async () => (await gate.cluster?.missing(rights))?.length === 1, "one right fewer");
            await assert.rejects(all(), RefusedError, JSON.stringify(right));
        }
    });

    it("is not led by a selector where it has none, or where labels are not named", async () => {
        await assert.rejects(service.stop({ ...part, to: {} }, tools), BadInputError);
        await plane().ask("PATCH", url(), { spec: { selector: null } }, merge);
        await assert.rejects(service.stop(part, tools), (error) => {
            assert(error instanceof FailedError);
            assert.match(error.message, /finds its pods by no selector/);
            return true;
        });
        assert.deepEqual((await found()).mark, undefined);
    });

    it("one that is gone is not stopped, and lets no traffic through", async () => {
        const gone = { ...part, name: "gone" };
        await assert.rejects(service.stop(gone, tools), /gone is gone/);
        assert.equal(await service.flows(gone, tools), undefined);
        await service.resume(gone, tools);
    });
});
