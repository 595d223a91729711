import { z } from "zod";
import { defaultTraffic, type TrafficSettings } from "../core/traffic-settings";

const name = z
    .string()
    .regex(/^[a-z0-9](?:[-.a-z0-9]{0,251}[a-z0-9])?$/, { error: "must be a name as Kubernetes has them" });
const namespace = z
    .string()
    .regex(/^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/, { error: "must be a Kubernetes namespace" });
const selector = z.string().regex(/^\S(?:.*\S)?$/, { error: "must be labels, like tier=backend" });
const seconds = z.int().positive();

const workload = z
    .strictObject({
        namespace: namespace.optional().describe("its namespace; default: traffic.namespace"),
        selector: selector.optional().describe("all Deployments, StatefulSets and CronJobs that carry these labels"),
        name: name.optional().describe("or one by its name"),
        kind: z
            .string()
            .optional()
            .describe("kind of the named one: anything with a scale subresource, or CronJob; default Deployment"),
        apiVersion: z
            .string()
            .optional()
            .describe("API group and version of a kind that is not Kubernetes' own: argoproj.io/v1alpha1"),
        ignoreVersion: z
            .boolean()
            .optional()
            .describe("what it runs is not the application: its version is not held against policy.compatibility"),
    })
    .refine((w) => (w.name === undefined) !== (w.selector === undefined), {
        error: "needs exactly one of selector, name",
    });

const service = z.strictObject({
    namespace: namespace.optional().describe("its namespace; default: traffic.namespace"),
    name: name.describe("name of the Service"),
    to: z
        .record(z.string(), z.string())
        .describe("labels of the pods that answer meanwhile: another version, or a maintenance page"),
});

const bouncer = z.strictObject({
    env: z
        .string()
        .min(1)
        .describe("environment variable that holds the URL of its admin console (database pgbouncer)"),
    database: z.string().min(1).describe("the database's name in the bouncer"),
});

const sessions = z.strictObject({
    roles: z.array(z.string().min(1)).min(1).describe("the application's roles: kept out, and their sessions ended"),
    by: z
        .enum(["revoke-connect", "connection-limit"])
        .default("revoke-connect")
        .describe("how: REVOKE CONNECT, which the database's owner may; or CONNECTION LIMIT 0, which needs CREATEROLE"),
    ignore: z
        .array(z.string().min(1))
        .default([])
        .describe("roles and application names whose sessions do no harm: monitoring"),
});

const smoke = z.strictObject({
    name: z.string().min(1).describe("what it is about, for people"),
    url: z.url({ protocol: /^https?$/, error: "must be an http or https URL" }).describe("what is asked, by GET"),
    status: z.int().min(100).max(599).optional().describe("status that it has to answer with; default 200"),
    contains: z.string().optional().describe("text that the answer has to contain"),
});

/** How traffic is stopped; the forms that a stack's file may have are brought into the one that the core knows. */
export const trafficSchema = z
    .strictObject({
        stopTraffic: z
            .enum(["always", "when-unsafe", "never"])
            .default(defaultTraffic.stopTraffic)
            .describe("for each run, for those whose plan has hazards or whose versions do not fit, or never"),
        strategy: z
            .enum(["scale-to-zero", "service-selector", "pgbouncer", "none"])
            .default(defaultTraffic.strategy)
            .describe(
                "how: workloads scaled to zero, Services led to other pods, PgBouncers paused, or sessions alone",
            ),
        namespace: namespace.optional().describe("namespace of what is named below; with selector, of the workloads"),
        selector: selector.optional().describe("labels of the workloads in that namespace: tier=backend"),
        workloads: z
            .array(workload)
            .default([])
            .describe("for scale-to-zero: more of them, in other namespaces or by name"),
        services: z.array(service).default([]).describe("for service-selector"),
        bouncers: z.array(bouncer).default([]).describe("for pgbouncer"),
        sessions: sessions.optional().describe("roles that are kept out of the database as well"),
        kubernetes: z
            .strictObject({
                kubeconfig: z.string().min(1).optional().describe("file; default: as kubectl finds it"),
                context: z.string().min(1).optional().describe("context in it; default: the current one"),
                patienceSeconds: seconds
                    .optional()
                    .describe("seconds that an API server that does not answer is asked again; default 10"),
                resumeSeconds: seconds.optional().describe("the same when traffic is to come in again; default 60"),
            })
            .optional()
            .describe("which cluster"),
        drainSeconds: seconds
            .default(defaultTraffic.drainSeconds)
            .describe("seconds for traffic to end, else nothing is run"),
        gitops: z
            .enum(["refuse", "allow"])
            .default(defaultTraffic.gitops)
            .describe("whether workloads of Argo CD or Flux may be scaled, which would scale them up again"),
        smoke: z.array(smoke).default([]).describe("asked when traffic is in again"),
        smokeSeconds: seconds.default(defaultTraffic.smokeSeconds).describe("seconds for all of them to answer well"),
        onFailure: z
            .enum(["hold", "roll-back", "restore"])
            .default(defaultTraffic.onFailure)
            .describe(
                "when a run fails after a script has taken effect: traffic stays stopped for a person to look, all is rolled back by down scripts, or the run's own snapshot is restored",
            ),
    })
    .superRefine((t, context) => {
        const wrong = (path: (string | number)[], message: string): void => {
            context.addIssue({ code: "custom", path, message });
        };
        if (t.selector !== undefined && t.namespace === undefined)
            wrong(["selector"], "needs traffic.namespace beside it");
        for (const key of ["workloads", "services"] as const)
            for (const [i, one] of t[key].entries())
                if (one.namespace === undefined && t.namespace === undefined)
                    wrong([key, i, "namespace"], "needs a value, here or in traffic.namespace");
        const chosen = {
            "scale-to-zero": t.selector !== undefined || t.workloads.length > 0,
            "service-selector": t.services.length > 0,
            pgbouncer: t.bouncers.length > 0,
            none: true,
        }[t.strategy];
        const key = {
            "scale-to-zero": "selector, workloads",
            "service-selector": "services",
            pgbouncer: "bouncers",
            none: "",
        }[t.strategy];
        if (!chosen) wrong(["strategy"], `needs ${key} beside it`);
    })
    .transform(({ namespace: common, selector: labels, workloads, services, ...rest }): TrafficSettings => {
        const at = (own: string | undefined): string => own ?? common ?? "";
        return {
            ...rest,
            workloads: [
                ...(labels === undefined ? [] : [{ namespace: at(undefined), selector: labels }]),
                ...workloads.map((w) => ({ ...w, namespace: at(w.namespace) })),
            ],
            services: services.map((s) => ({ ...s, namespace: at(s.namespace) })),
        };
    });
