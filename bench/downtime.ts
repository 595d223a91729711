import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { Client } from "pg";
import { deploymentNamed, startControlPlane, type ControlPlane } from "../test/support/control-plane";
import { kubernetesNodes } from "../tools/kubernetes-programs";
import type { LocalKubernetes } from "../tools/local-kubernetes";
import { startPostgres } from "../tools/local-postgres";
import { type PgBinaries, root } from "../tools/pg-binaries";
import { stackFileText } from "../tools/user-project";
import { createDatabase } from "./database";
import { measure, median } from "./measure";
import { observe, type Observer, type Outage } from "./outage";

/** What must be reached: seconds until all are scaled up again, beyond the SQL's own time. How soon pods then run is the cluster's affair. */
const goals = [
    { deployments: 3, podsEach: 3, seconds: 1 },
    { deployments: 100, podsEach: 1, seconds: 2 },
] as const;
const namespace = "bench";
const deploymentsPath = `/apis/apps/v1/namespaces/${namespace}/deployments`;
const directions = ["up", "back"] as const;

/** A change of some size: half a second of SQL on two cores. */
const scripts = {
    first: "CREATE TABLE visits (id bigint PRIMARY KEY, seen boolean NOT NULL DEFAULT false);\nINSERT INTO visits SELECT generate_series(1, 100000);\n",
    up: "ALTER TABLE visits ADD COLUMN note text;\nUPDATE visits SET note = 'visit ' || id;\n",
    back: "UPDATE visits SET seen = note IS NOT NULL;\nALTER TABLE visits DROP COLUMN note;\n",
};

interface Size {
    readonly deployments: number;
    readonly podsEach: number;
}

/** Milliseconds. */
interface Times {
    readonly sql: number[];
    /** Beyond the SQL's own time: an outage that a run of schemaward makes, and one of the same steps without it. */
    readonly ours: Outage[];
    readonly without: Outage[];
}

/**
 * How long an application is away while a version is run or taken back, beyond the time that the SQL itself takes; seen from outside by a watch. In
 * turn with the plain way: scaled to 0, waited until no pod is left, the SQL, scaled up. Pods are kwok's, which start and end at once.
 * @returns whether every goal was reached
 */
export async function benchDowntime(binaries: PgBinaries, rounds: number): Promise<boolean> {
    const prepared = await kubernetesNodes.prepare();
    if (prepared.state !== "ready") {
        console.log(`downtime: not measured, ${prepared.why}`);
        return false;
    }
    console.log(`downtime beyond the SQL's own time, ${rounds} rounds up and back\n`);
    console.log("                                       until all are scaled up   until all pods run");
    let all = true;
    for (const { deployments, podsEach, seconds } of goals) {
        const times = await atSize(binaries, { deployments, podsEach }, rounds);
        for (const direction of directions) {
            const { sql, ours, without } = times[direction];
            const own = median(sql);
            const beyond = (outages: readonly Outage[], key: keyof Outage): number =>
                (median(outages.map((o) => o[key])) - own) / 1000;
            const row = (who: string, outages: readonly Outage[]): string =>
                `${`${deployments} Deployments × ${podsEach}, ${direction}`.padEnd(26)}${who.padEnd(14)}${beyond(outages, "gateMs").toFixed(2).padStart(8)} s${beyond(outages, "podsMs").toFixed(2).padStart(24)} s`;
            const reached = beyond(ours, "gateMs") <= seconds;
            all &&= reached;
            console.log(
                `${row("schemaward", ours)}   goal ≤ ${seconds} s   ${reached ? "reached" : "NOT reached"}   (SQL ${(own / 1000).toFixed(2)} s)`,
            );
            console.log(row("without it", without));
        }
    }
    return all;
}

async function atSize(
    binaries: PgBinaries,
    { deployments, podsEach }: Size,
    rounds: number,
): Promise<Record<(typeof directions)[number], Times>> {
    const server = await startPostgres(binaries);
    const plane = await startControlPlane();
    const { kubernetes } = plane;
    const dir = mkdtempSync(path.join(os.tmpdir(), "schemaward-downtime-"));
    let observer: Observer | undefined;
    let plain: Client | undefined;
    try {
        writeProject(dir, kubernetes);
        const environment = { cwd: dir, env: { ...process.env, DATABASE_URL: await createDatabase(server, "ours") } };
        plain = new Client({ connectionString: await createDatabase(server, "plain") });
        const migrate = async (version: string): Promise<void> => {
            const command = [path.join(root, "dist", "cli", "main.js"), "migrate", "--stack", "bench", "--to", version];
            await measure(process.execPath, [...command, "--yes"], environment);
        };
        await plain.connect();
        await plain.query(scripts.first);
        const names = Array.from({ length: deployments }, (_, i) => `api-${i}`);
        await createDeployments(plane, names, podsEach);
        observer = await observe(kubernetes, namespace, { deployments, replicas: podsEach });
        const times: Record<(typeof directions)[number], Times> = { up: noTimes(), back: noTimes() };
        await observer.settled();
        await migrate("001");
        await observer.outage();
        // The first round warms up server and control plane.
        for (let round = 0; round <= rounds; round++)
            for (const direction of directions) {
                const { sql, ours, without } = round === 0 ? noTimes() : times[direction];
                await observer.settled();
                sql.push(await byHand(plane, { names, podsEach }, plain, scripts[direction]));
                without.push(await observer.outage());
                await migrate(direction === "up" ? "002" : "001");
                ours.push(await observer.outage());
            }
        return times;
    } finally {
        await plain?.end();
        observer?.close();
        rmSync(dir, { recursive: true });
        await kubernetes.stop();
        await server.stop();
    }
}

function noTimes(): Times {
    return { sql: [], ours: [], without: [] };
}

function writeProject(dir: string, kubernetes: LocalKubernetes): void {
    mkdirSync(path.join(dir, "migrations", "rollback"), { recursive: true });
    const files = {
        "Pulumi.yaml": "name: bench\nruntime: nodejs\n",
        "Pulumi.bench.yaml": stackFileText("bench", {
            version: "001",
            migrations: { dir: "migrations", format: "numbered" },
            connection: { env: "DATABASE_URL" },
            policy: { approval: "never" },
            snapshot: { required: false },
            traffic: {
                ...{ namespace, selector: "tier=backend", stopTraffic: "always" },
                kubernetes: { kubeconfig: kubernetes.kubeconfig("admin") },
            },
        }),
        "migrations/001_visits.sql": scripts.first,
        "migrations/002_note.sql": scripts.up,
        "migrations/rollback/001_down.sql": "DROP TABLE visits;\n",
        "migrations/rollback/002_down.sql": scripts.back,
    };
    for (const [name, text] of Object.entries(files)) writeFileSync(path.join(dir, name), text);
}

async function createDeployments(plane: ControlPlane, names: readonly string[], replicas: number): Promise<void> {
    await plane.ask("POST", "/api/v1/namespaces", {
        apiVersion: "v1",
        kind: "Namespace",
        metadata: { name: namespace },
    });
    for (const name of names) {
        const deployment = deploymentNamed(name, replicas, { labels: { tier: "backend" } });
        await plane.ask("POST", deploymentsPath, deployment);
    }
}

/** The same steps as a script of one's own does them. @returns milliseconds of the SQL */
async function byHand(
    plane: ControlPlane,
    { names, podsEach }: { readonly names: readonly string[]; readonly podsEach: number },
    client: Client,
    sql: string,
): Promise<number> {
    const scale = async (replicas: number): Promise<void> => {
        await Promise.all(
            names.map(async (name) =>
                plane.ask(
                    "PATCH",
                    `${deploymentsPath}/${name}/scale`,
                    { spec: { replicas } },
                    "application/merge-patch+json",
                ),
            ),
        );
    };
    await scale(0);
    for (let left = 1; left > 0;) {
        left = (await plane.pods(namespace)).length;
        if (left > 0) await pause(100);
    }
    const started = performance.now();
    await client.query(sql);
    const took = performance.now() - started;
    await scale(podsEach);
    return took;
}
