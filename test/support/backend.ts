import assert from "node:assert/strict";
import type { Declaration } from "../../core/declaration";
import { resumeTraffic } from "../../core/run/resume-traffic";
import { gateAnnotation } from "../../core/traffic/marks";
import { defaultTraffic, type TrafficSettings } from "../../core/traffic-settings";
import type { ControlPlane } from "./control-plane";
import { TestProject } from "./project";
import type { TestServer } from "./postgres";

/**
 * An application of two workloads, `api` with two pods and `worker` with one, on three migrations of which all are applied; going back has
 * hazards, so it stops them.
 */
export class Backend {
    private constructor(
        private readonly plane: ControlPlane,
        readonly namespace: string,
        readonly project: TestProject,
    ) {}

    /** @param project empty; a new one unless given */
    static async start(
        plane: ControlPlane,
        server: TestServer,
        project?: TestProject,
        version = "003",
    ): Promise<Backend> {
        const namespace = await plane.namespace();
        await Promise.all([
            plane.deployment(namespace, "api", 2, { labels: { tier: "backend" } }),
            plane.deployment(namespace, "worker", 1, { labels: { tier: "backend" } }),
        ]);
        const folder = project ?? new TestProject(server, await server.create());
        folder
            .migration("001", "CREATE TABLE a (id int)", "DROP TABLE a")
            .migration("002", "CREATE TABLE b (id int)", "DROP TABLE b")
            .migration("003", "CREATE TABLE c (id int)", "DROP TABLE c");
        const backend = new Backend(plane, namespace, folder);
        await folder.migrate(version);
        folder.events.length = 0;
        return backend;
    }

    /** @param more what else is declared of traffic */
    declared(more: Partial<TrafficSettings> = {}): Partial<Declaration> {
        return {
            traffic: {
                ...defaultTraffic,
                workloads: [{ namespace: this.namespace, selector: "tier=backend" }],
                drainSeconds: 20,
                ...more,
                kubernetes: {
                    kubeconfig: this.plane.kubernetes.kubeconfig("admin"),
                    patienceSeconds: 1,
                    resumeSeconds: 1,
                    ...more.kubernetes,
                },
            },
        };
    }

    /** As `schemaward resume` does it of a run that ended well. */
    async resume(version: string, more: Partial<TrafficSettings> = {}): Promise<boolean> {
        const { dir, events } = this.project;
        return resumeTraffic(this.project.declaration(version, this.declared(more)), {
            projectDir: dir,
            report: (event) => events.push(event),
            waitMs: 0,
        });
    }

    async deployment(name: string): Promise<DeploymentNow> {
        const url = `/apis/apps/v1/namespaces/${this.namespace}/deployments/${name}`;
        return (await this.plane.ask("GET", url)) as unknown as DeploymentNow;
    }

    /** As it was before: counts, no annotation of ours, no field managed by us, no row in the ledger. */
    async assertTrafficIsIn(): Promise<void> {
        for (const [name, replicas] of Object.entries({ api: 2, worker: 1 })) {
            const { spec, metadata } = await this.deployment(name);
            assert.equal(spec.replicas, replicas, `replicas of ${name}`);
            assert.equal(metadata.annotations?.[gateAnnotation], undefined, `annotation of ${name}`);
            assert(!metadata.managedFields.some((entry) => entry.manager === "schemaward"), `manager of ${name}`);
        }
        assert.deepEqual(await this.gates(), []);
    }

    /** No pod may come, each workload remembers what it was, and the ledger knows. */
    async assertTrafficIsStopped(): Promise<void> {
        for (const [name, replicas] of Object.entries({ api: 2, worker: 1 })) {
            const { spec, metadata } = await this.deployment(name);
            assert.equal(spec.replicas, 0, `replicas of ${name}`);
            const mark = JSON.parse(metadata.annotations?.[gateAnnotation] ?? "{}") as { was?: { replicas?: number } };
            assert.equal(mark.was?.replicas, replicas, `what ${name} was`);
        }
        assert.equal((await this.gates()).length, 1);
    }

    /** Neither the workloads nor the ledger were ever touched by a run with traffic. */
    async assertUntouched(): Promise<void> {
        await this.assertTrafficIsIn();
        for (const name of ["api", "worker"])
            assert.equal((await this.deployment(name)).metadata.generation, 1, `${name} was changed`);
    }

    /** What is held for, for each gate in the ledger. */
    async gates(): Promise<(string | null)[]> {
        const [[there] = []] = await this.project.query("SELECT to_regclass('schemaward.gates') IS NOT NULL");
        if (there !== "true") return [];
        return (await this.project.query("SELECT held_for FROM schemaward.gates")).map(([heldFor]) => heldFor ?? null);
    }

    /** `planned`, `gated`, `undone 003`, … of the runs after the first, which made all. */
    async journal(): Promise<string[]> {
        const rows = await this.project.query(
            `SELECT kind || coalesce(' ' || version, '') FROM schemaward.run_steps
              WHERE run_id <> (SELECT id FROM schemaward.runs ORDER BY started_at LIMIT 1) ORDER BY seq`,
        );
        return rows.map(([kind]) => kind ?? "");
    }

    async runs(): Promise<number> {
        return Number((await this.project.query("SELECT count(*) FROM schemaward.runs"))[0]?.[0]);
    }

    /** Tables of the migrations that are there. */
    async tables(): Promise<string> {
        const [[all] = []] = await this.project.query(
            "SELECT coalesce(string_agg(relname, '' ORDER BY relname), '') FROM pg_class WHERE relname IN ('a', 'b', 'c', 'd') AND relkind = 'r'",
        );
        return all ?? "";
    }

    /** Does what `kubectl scale` does, for each such command in a text. @returns how many there were */
    async scaleByHand(text: string): Promise<number> {
        const commands = [...text.matchAll(/kubectl scale deployment (\S+) -n (\S+) --replicas=(\d+)/g)];
        const byName = new Map(
            commands.map(([command, name = "", namespace = "", replicas = ""]) => [
                command,
                { name, namespace, replicas },
            ]),
        );
        for (const { name, namespace, replicas } of byName.values()) {
            const url = `/apis/apps/v1/namespaces/${namespace}/deployments/${name}/scale?fieldManager=kubectl`;
            await this.plane.ask(
                "PATCH",
                url,
                { spec: { replicas: Number(replicas) } },
                "application/merge-patch+json",
            );
        }
        return byName.size;
    }
}

interface DeploymentNow {
    readonly spec: { readonly replicas: number };
    readonly metadata: {
        readonly generation: number;
        readonly annotations?: Readonly<Record<string, string>>;
        readonly managedFields: readonly { readonly manager?: string }[];
    };
}

/** The text of the error that a promise ends with. */
export async function failureOf(promise: Promise<unknown>): Promise<string> {
    return promise.then(
        () => assert.fail("it has succeeded"),
        (error: unknown) => (error instanceof Error ? error.message : String(error)),
    );
}
