import assert from "node:assert/strict";
import { kubernetesApi } from "../../tools/kubernetes-programs";
import { type ApiAnswer, type LocalKubernetes, startKubernetes } from "../../tools/local-kubernetes";
import { needs } from "../support/capability";
import { declaredBy, only, type Stack, stacks } from "./capture";

/** The name that Pulumi gives the manager of what it applies; it ends with eight random digits. */
const fieldManager = "pulumi-kubernetes-5c1e9a04";

const deploymentType = "kubernetes:apps/v1:Deployment";

/** What the tests look at of a Deployment. */
interface Deployment {
    metadata: {
        namespace: string;
        labels: Record<string, string>;
        managedFields?: { manager: string; operation: string }[];
    };
    spec: {
        replicas: number;
        selector: { matchLabels: Record<string, string> };
        template: { metadata: { labels: Record<string, string> }; spec: { containers: Record<string, unknown>[] } };
    };
}

describe("declarations: Kubernetes objects on a real API server", function () {
    this.timeout(30_000);

    needs(kubernetesApi);

    let kubernetes: LocalKubernetes | undefined;

    before("start", async function () {
        this.timeout(60_000);
        kubernetes = await startKubernetes();
    });

    after("stop", async function () {
        this.timeout(30_000);
        await kubernetes?.stop();
    });

    const request: LocalKubernetes["request"] = (...args) => {
        assert.ok(kubernetes);
        return kubernetes.request(...args);
    };

    const urlOf = ({ metadata }: Deployment): string =>
        `/apis/apps/v1/namespaces/${metadata.namespace}/deployments/api`;

    /**
     * Server-side apply as Pulumi does it, unforced, but strict: a field that the server does not know is an error and not a
     * warning.
     */
    function apply(deployment: Deployment): Promise<ApiAnswer> {
        const url = `${urlOf(deployment)}?fieldManager=${fieldManager}&fieldValidation=Strict`;
        return request("admin", "PATCH", url, deployment, "application/apply-patch+yaml");
    }

    async function declaredFor(stack: Stack): Promise<Deployment> {
        return structuredClone(only(await declaredBy(stack), deploymentType).inputs) as unknown as Deployment;
    }

    for (const stack of stacks) {
        it(`${stack}: what is declared is what the server keeps`, async () => {
            const deployment = await declaredFor(stack);
            assert.equal(deployment.metadata.namespace, `physioflow-${stack}`);
            const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: `physioflow-${stack}` } };
            assert.equal((await request("admin", "POST", "/api/v1/namespaces", namespace)).status, 201);
            const applied = await apply(deployment);
            assert.equal(applied.status, 201, JSON.stringify(applied.body));
            const kept = (await request("admin", "GET", urlOf(deployment))).body as unknown as Deployment;
            assert.deepEqual(difference(deployment, kept), []);
            assert.deepEqual(
                kept.metadata.managedFields?.map((f) => [f.manager, f.operation]),
                [[fieldManager, "Apply"]],
            );
            // What is declared twice is no change.
            const again = await apply(deployment);
            assert.equal(again.status, 200);
            assert.deepEqual((again.body["metadata"] as { generation: number }).generation, 1);
        });

        it(`${stack}: version and tier can be read from the pods' labels, and the image is that version`, async () => {
            const { spec } = await declaredFor(stack);
            const { labels } = spec.template.metadata;
            assert.equal(labels["tier"], "backend");
            assert.equal(labels["app.kubernetes.io/version"], "1.3.0");
            assert.equal(spec.template.spec.containers[0]?.["image"], "registry.physioflow.internal/api:1.3.0");
            // A selector is immutable: with the version in it the next release could not be applied.
            assert.equal(spec.selector.matchLabels["app.kubernetes.io/version"], undefined);
            assert.equal(spec.replicas, { dev: 1, staging: 2, prod: 3 }[stack]);
        });

        it(`${stack}: the Deployment waits for the schema`, async () => {
            const declared = await declaredBy(stack);
            const version = only(declared, "pulumi-nodejs:dynamic/schemaward:SchemaVersion");
            const deployment = only(declared, deploymentType);
            assert.ok(deployment.dependsOn.includes(version.urn), deployment.dependsOn.join("\n"));
        });
    }

    it("the next release is applied over the last one by the same manager", async () => {
        const next = JSON.parse(JSON.stringify(await declaredFor("dev")).replaceAll("1.3.0", "1.4.0")) as Deployment;
        const { status, body } = await apply(next);
        assert.equal(status, 200, JSON.stringify(body));
        assert.deepEqual(difference(next, body), []);
    });

    it("a wrong field is found", async () => {
        const wrong = await declaredFor("prod");
        for (const container of wrong.spec.template.spec.containers) {
            container["readynessProbe"] = container["readinessProbe"];
            delete container["readinessProbe"];
        }
        const { status, body } = await apply(wrong);
        assert.notEqual(status, 200);
        assert.match(String(body["message"]), /readynessProbe: field not declared in schema/);
    });

    it("a wrong value is found", async () => {
        const wrong = await declaredFor("prod");
        for (const container of wrong.spec.template.spec.containers)
            container["resources"] = { requests: { memory: "512 megabytes" } };
        const { status, body } = await apply(wrong);
        assert.notEqual(status, 200);
        assert.match(String(body["message"]), /quantit/);
    });
});

/** Paths of what was declared and is not so in what is kept. Defaults that the server adds are no difference. */
function difference(declared: unknown, kept: unknown, at = ""): string[] {
    if (typeof declared !== "object" || declared === null)
        return declared === kept ? [] : [`${at}: ${String(declared)}, kept: ${String(kept)}`];
    return Object.entries(declared).flatMap(([key, value]) =>
        difference(value, (kept as Record<string, unknown> | undefined)?.[key], `${at}.${key}`),
    );
}
