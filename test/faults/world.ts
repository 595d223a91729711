import assert from "node:assert/strict";
import { mkdirSync, readdirSync, statSync } from "node:fs";
import path from "node:path";
import type { Declaration } from "../../core/declaration";
import { dumpSuffix } from "../../core/snapshots/manifest";
import { openStore } from "../../core/snapshots/stores";
import { listSnapshots } from "../../core/snapshots/contents";
import { catalogHash, readCatalog } from "../../core/sql/catalog";
import { gateAnnotation } from "../../core/traffic/marks";
import { defaultTraffic, type TrafficSettings } from "../../core/traffic-settings";
import type { ControlPlane } from "../support/control-plane";
import { eventually } from "../support/eventually";
import type { TestServer } from "../support/postgres";
import type { TestProject } from "../support/project";

export type Strategy = "scale-to-zero" | "service-selector";

/** The versions between which runs go to and fro. */
export const versions = ["001", "005"] as const;
export type Version = (typeof versions)[number];

/** A database, and an application before it on Kubernetes, of which everything that a run answers for can be told. */
export interface World {
    readonly namespace: string;
    readonly more: Partial<Declaration>;
    /** What is declared of traffic, as a stack's file has it. */
    readonly traffic: Record<string, unknown>;
    /** Schema, rows, ledger, history, what is unfinished, locks, roles, workloads, store. */
    state(): Promise<string>;
}

export async function makeWorld(
    plane: ControlPlane,
    server: TestServer,
    project: TestProject,
    strategy: Strategy,
): Promise<World> {
    const namespace = await plane.namespace();
    await plane.deployment(namespace, "api", 2, { labels: { tier: "backend" } });
    await plane.deployment(namespace, "page", 1);
    await plane.ask("POST", `/apis/batch/v1/namespaces/${namespace}/cronjobs`, nightly);
    await plane.ask("POST", `/api/v1/namespaces/${namespace}/services`, {
        apiVersion: "v1",
        kind: "Service",
        metadata: { name: "api" },
        spec: { selector: { app: "api" }, ports: [{ port: 80 }] },
    });
    const role = `app_${project.database}`;
    await project.query(
        `CREATE ROLE ${role} LOGIN PASSWORD 'x'; REVOKE CONNECT ON DATABASE ${project.database} FROM PUBLIC; GRANT CONNECT ON DATABASE ${project.database} TO ${role}`,
    );
    mkdirSync(path.join(project.dir, "backups"));
    const store = server.binaries.hasDump ? `file:${path.join(project.dir, "backups")}` : undefined;
    const choice =
        strategy === "scale-to-zero"
            ? { workloads: [{ namespace, selector: "tier=backend" }] }
            : { services: [{ namespace, name: "api", to: { app: "page" } }] };
    const settings = {
        stopTraffic: "always",
        strategy,
        ...choice,
        sessions: { roles: [role] },
        drainSeconds: 30,
        kubernetes: { kubeconfig: plane.kubernetes.kubeconfig("admin") },
    } as const;
    const traffic: TrafficSettings = {
        ...defaultTraffic,
        ...settings,
        sessions: { roles: [role], by: "revoke-connect", ignore: [] },
    };
    const state = async (): Promise<string> =>
        JSON.stringify([
            await databaseState(server, project, role),
            await clusterState(plane, namespace),
            await storeState(project, store),
        ]);
    return {
        namespace,
        traffic: settings,
        more: {
            traffic,
            verify: [{ name: "a is whole", sql: "SELECT count(*) = 5000 FROM a" }],
            ...(store === undefined ? {} : { snapshot: { required: true, store } }),
        },
        state,
    };
}

const nightly = {
    apiVersion: "batch/v1",
    kind: "CronJob",
    metadata: { name: "nightly", labels: { tier: "backend" } },
    spec: {
        schedule: "0 3 * * *",
        jobTemplate: {
            spec: { template: { spec: { restartPolicy: "Never", containers: [{ name: "n", image: "n:1" }] } } },
        },
    },
};

async function databaseState(server: TestServer, project: TestProject, role: string): Promise<unknown> {
    const locks = `SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'
                      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`;
    // A backend whose client is gone ends within seconds.
    await eventually(async () => (await project.query(locks))[0]?.[0] === "0", "no lock is held any more");
    const schema = await server.withClient(project.database, async (client) => catalogHash(await readCatalog(client)));
    const facts = await project.query(
        `SELECT (SELECT string_agg(version, ' ' ORDER BY seq) FROM schemaward.migrations),
                (SELECT string_agg(version, ' ' ORDER BY version) FROM schema_migrations),
                (SELECT md5(string_agg(a::text, ' ' ORDER BY id)) FROM a),
                (SELECT count(*) FROM schemaward.progress),
                (SELECT count(*) FROM schemaward.gates),
                (SELECT count(*) FROM pg_index WHERE NOT indisvalid),
                has_database_privilege('${role}', current_database(), 'CONNECT')`,
    );
    return [schema, facts];
}

interface Stoppable {
    readonly metadata: {
        readonly annotations?: Record<string, string>;
        readonly managedFields: { readonly manager: string }[];
    };
    readonly spec: { readonly replicas?: number; readonly suspend?: boolean; readonly selector: object };
}

async function clusterState(plane: ControlPlane, namespace: string): Promise<unknown> {
    const [api, cron, service] = (await Promise.all([
        plane.ask("GET", `/apis/apps/v1/namespaces/${namespace}/deployments/api`),
        plane.ask("GET", `/apis/batch/v1/namespaces/${namespace}/cronjobs/nightly`),
        plane.ask("GET", `/api/v1/namespaces/${namespace}/services/api`),
    ])) as unknown as Stoppable[];
    return [api, cron, service].map((object) => ({
        replicas: object?.spec.replicas,
        suspend: object?.spec.suspend,
        selector: object?.spec.selector,
        mark: object?.metadata.annotations?.[gateAnnotation],
        managed: object?.metadata.managedFields.some((f) => f.manager === "schemaward"),
    }));
}

/** Whether what is listed as a snapshot is whole; how many there are differs from run to run. */
async function storeState(project: TestProject, store: string | undefined): Promise<unknown> {
    if (store === undefined) return "no store";
    const folder = path.join(project.dir, "backups");
    const sizes = new Map(readdirSync(folder).map((file) => [file, statSync(path.join(folder, file)).size]));
    const listed = await listSnapshots(openStore(store, project.dir));
    for (const { name, archive } of listed) assert.equal(sizes.get(name + dumpSuffix), archive.bytes, name);
    return listed.length > 0 ? "whole snapshots" : "none yet";
}
