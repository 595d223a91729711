import assert from "node:assert/strict";
import { flowing } from "../../core/traffic/gate";
import { gateAnnotation } from "../../core/traffic/marks";
import type { Cluster } from "../../core/traffic/cluster";
import type { TrafficSettings } from "../../core/traffic-settings";
import { withControlPlane } from "../support/control-plane";
import { eventually } from "../support/eventually";
import { findGate, objectAt, scaleBy, urlOf } from "../support/gate-parts";

const backend = { labels: { tier: "backend" } };

describe("many workloads in one namespace, on a real control plane", function () {
    this.timeout(60_000);
    const plane = withControlPlane();
    let namespace: string;
    const names = Array.from({ length: 10 }, (_, i) => `api-${i}`);

    beforeEach(async () => {
        namespace = await plane().namespace();
        await Promise.all(names.map(async (name) => plane().deployment(namespace, name, 1, backend)));
    });

    const deployment = (name: string): string => urlOf("apps/v1", namespace, "deployments", name);
    const chosen = (): Partial<TrafficSettings> => ({ workloads: [{ namespace, selector: "tier=backend" }] });
    const change = async (url: string, body: object): Promise<unknown> =>
        plane().ask("PATCH", url, body, "application/merge-patch+json");

    /** One that only its labels make a pod of api-3. @returns where it is */
    async function podOfThird(metadata: { readonly name: string; readonly finalizers?: string[] }): Promise<string> {
        await plane().ask("POST", urlOf("v1", namespace, "pods"), {
            apiVersion: "v1",
            kind: "Pod",
            metadata: { labels: { app: "api-3" }, ...metadata },
            spec: { containers: [{ name: "api-3", image: "x:1" }] },
        });
        return urlOf("v1", namespace, "pods", metadata.name);
    }

    /** All are as they were, and nothing of ours is left in them. */
    async function assertAsBefore(): Promise<void> {
        for (const name of names) {
            const { metadata, spec } = await objectAt(plane(), deployment(name));
            assert.equal(spec["replicas"], 1);
            assert.equal(metadata.annotations?.[gateAnnotation], undefined);
            assert.deepEqual(
                metadata.managedFields?.filter(({ manager }) => manager === "schemaward"),
                [],
            );
        }
    }

    /** A login that writes down what it is asked. */
    function writingDown(asked: string[]): (cluster: Cluster) => Cluster {
        const last = (path: string): string => path.split("/").at(-1) ?? "";
        return (cluster) => ({
            ...cluster,
            get: async (path) => {
                asked.push(`get ${last(path)}`);
                return cluster.get(path);
            },
            list: async (path, query) => {
                asked.push(`list ${last(path)}`);
                return cluster.list(path, query);
            },
            patch: async (path, type, body) => {
                const patched = await cluster.patch(path, type, body);
                asked.push(`${type} ${last(path)}${patched === "conflict" ? ", in conflict" : ""}`);
                return patched;
            },
        });
    }

    it("are looked at together: each look is a request for them and one for their pods", async () => {
        const asked: string[] = [];
        const gate = await findGate(plane(), chosen(), { wrap: writingDown(asked) });
        await gate.stop();
        asked.length = 0;
        assert.deepEqual(await flowing(gate.parts, gate.tools), []);
        assert.deepEqual(asked, ["list deployments", "list pods"]);
        await gate.resume();
        await assertAsBefore();
    });

    it("whoever lets traffic in is named, and a pod of one is not taken for another's", async () => {
        const gate = await findGate(plane(), chosen());
        await gate.stop();
        await scaleBy(plane(), "kubectl", deployment("api-7"), 1);
        assert.match(
            (await flowing(gate.parts, gate.tools)).join(),
            /^Deployment \S+\/api-7 was scaled to 1 by kubectl/,
        );
        await change(deployment("api-7"), { spec: { replicas: 0 } });
        await podOfThird({ name: "stray" });
        await eventually(
            async () => (await flowing(gate.parts, gate.tools)).join() === "of api-3 1 pod is still there: stray",
            "only that one is found",
        );
        await gate.resume();
    });

    it("one that somebody changes at the same time is looked at anew, and let in as it was", async () => {
        let disturbed = 0;
        const gate = await findGate(plane(), chosen(), {
            wrap: (cluster) => ({
                ...cluster,
                patch: async (path, type, body) => {
                    const isResume = path.endsWith("/scale") && type === "merge-patch";
                    if (isResume && disturbed++ === 0)
                        await change(path.slice(0, -"/scale".length), {
                            metadata: { labels: { seen: "yes" } },
                        });
                    return cluster.patch(path, type, body);
                },
            }),
        });
        await gate.stop();
        await gate.resume();
        assert(disturbed > names.length, `${disturbed} patches`);
        await assertAsBefore();
    });

    it("while the pods of one do not go, the others are not asked for; and when they do, all are looked at once more", async () => {
        const held = await podOfThird({ name: "held", finalizers: ["example.dev/drain"] });
        const asked: string[] = [];
        const gate = await findGate(plane(), chosen(), { wrap: writingDown(asked) });
        const stopping = gate.stop();
        stopping.catch(() => undefined);
        const isLast = (): boolean => gate.waits.at(-1) === "of api-3 1 pod is still there: held";
        await eventually(isLast, "only that pod is waited for");
        const of = (entry: string): number => asked.filter((one) => one === entry).length;
        asked.length = 0;
        await eventually(() => of("get api-3") >= 5, "it is looked at again and again");
        assert.deepEqual(
            asked.filter((one) => one.startsWith("get ") && one !== "get api-3"),
            [],
        );
        // Each second all are, for whoever scales one up meanwhile; and for one look when the last one has ended.
        assert(of("list deployments") < of("get api-3"), asked.join());
        await scaleBy(plane(), "kubectl-of-jo", deployment("api-9"), 1);
        await eventually(() => gate.notes.length > 0, "somebody who scales another one up is told of");
        assert.match(gate.notes[0] ?? "", /api-9 was scaled to 1 by kubectl-of-jo; it is scaled to 0 again/);
        await change(held, { metadata: { finalizers: null } });
        await plane().ask("DELETE", `${held}?gracePeriodSeconds=0`);
        await stopping;
        assert.deepEqual(await flowing(gate.parts, gate.tools), []);
        await gate.resume();
        await assertAsBefore();
    });

    it("of each what is left of ours goes in one change, once all are scaled up", async () => {
        const asked: string[] = [];
        const gate = await findGate(plane(), chosen(), { wrap: writingDown(asked) });
        await gate.stop();
        asked.length = 0;
        await gate.resume();
        const changes = asked.filter((one) => one.includes("-patch ") && !one.endsWith(", in conflict"));
        assert.deepEqual(
            changes.slice(0, names.length),
            names.map(() => "merge-patch scale"),
        );
        assert.deepEqual(changes.slice(names.length).sort(), names.map((name) => `json-patch ${name}`).sort());
        await assertAsBefore();
    });
});
