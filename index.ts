import * as k8s from "@pulumi/kubernetes/apps/v1";
import { BackupBucket, DatabaseAccess, PostgresSchema } from "schemaward";
import { type Settings, settings } from "schemaward/settings";

const s = settings();

const backups = s.backups === undefined ? undefined : new BackupBucket("backups", s.backups);
const access =
    s.database === undefined
        ? undefined
        : new DatabaseAccess("physioflow", { ...s.database, database: s.database.name });

const schema = new PostgresSchema(
    "physioflow",
    {
        migrations: s.migrations,
        version: s.version, // lower it to go back
        app: s.app,
        environment: s.environment,
        adopt: s.adopt,
        connection: s.connection, // a reference, no password
        history: s.history,
        snapshot: { ...s.snapshot, store: s.snapshot.store ?? backups?.store },
        policy: s.policy,
        run: s.run,
        traffic: s.traffic,
        verify: s.verify,
        incidents: s.incidents,
        keepData: s.keepData,
        restoreFrom: s.restoreFrom, // once
        restore: s.restore,
    },
    { dependsOn: [backups, access].filter((r) => r !== undefined) },
);

if (s.workload !== undefined) {
    const api = new k8s.Deployment("api", apiDeployment(s.workload, s.app ?? "latest"), { dependsOn: schema });
    schema.resumeAfter([api]);
}

export const version = schema.version;
export const at = schema.at;
export const lastSnapshot = schema.lastSnapshot;

/** The API's Deployment. Its labels are what the gate selects by, and where it reads which version would start. */
function apiDeployment(workload: NonNullable<Settings["workload"]>, app: string): k8s.DeploymentArgs {
    const selector = { "app.kubernetes.io/name": "api", "app.kubernetes.io/part-of": "physioflow" };
    const labels = { ...selector, "app.kubernetes.io/version": app, tier: "backend" };
    const probe = { httpGet: { path: "/healthz", port: "http" }, periodSeconds: 10, failureThreshold: 3 };
    return {
        metadata: { name: "api", namespace: workload.namespace, labels },
        spec: {
            replicas: workload.replicas,
            selector: { matchLabels: selector },
            template: {
                metadata: { labels },
                spec: {
                    automountServiceAccountToken: false,
                    terminationGracePeriodSeconds: 30,
                    securityContext: {
                        runAsNonRoot: true,
                        runAsUser: 10_001,
                        seccompProfile: { type: "RuntimeDefault" },
                    },
                    containers: [
                        {
                            name: "api",
                            image: `${workload.image}:${app}`,
                            ports: [{ name: "http", containerPort: workload.port }],
                            env: [
                                { name: "PORT", value: String(workload.port) },
                                {
                                    name: "DATABASE_URL",
                                    valueFrom: { secretKeyRef: { name: workload.databaseSecret, key: "url" } },
                                },
                            ],
                            resources: {
                                requests: { cpu: workload.cpu, memory: workload.memory },
                                limits: { memory: workload.memory },
                            },
                            startupProbe: { ...probe, periodSeconds: 2, failureThreshold: 30 },
                            readinessProbe: { ...probe, httpGet: { path: "/readyz", port: "http" } },
                            livenessProbe: probe,
                            securityContext: {
                                allowPrivilegeEscalation: false,
                                readOnlyRootFilesystem: true,
                                capabilities: { drop: ["ALL"] },
                            },
                        },
                    ],
                },
            },
        },
    };
}
