import * as pulumi from "@pulumi/pulumi";
import type { ConnectionReference } from "../core/connection";
import {
    type Declaration,
    defaultPolicy,
    defaultRestore,
    defaultRunSettings,
    type HistorySettings,
    type IncidentSettings,
    type MigrationFormat,
    type PolicySettings,
    type RestoreSettings,
    type RetentionRules,
    type RunSettings,
    type SnapshotEncryption,
    type VerifyQuery,
} from "../core/declaration";
import { FailedError, SchemawardError } from "../core/errors";
import { buildPlan } from "../core/plan/build";
import { planningText } from "../core/run/describe-event";
import { renderPlan } from "../core/plan/render-text";
import { heldText } from "../core/plan/traffic-text";
import { pendingRestore } from "../core/run/restore/declared";
import { renderRestore } from "../core/run/restore/restore-text";
import { defaultTraffic, type TrafficSettings } from "../core/traffic-settings";
import { SchemaVersion } from "./schema-version";
import { TrafficResume } from "./traffic-resume";

/** Settings of which any may be left out, or be undefined as a stack's file leaves them. */
type Settings<T> = { readonly [K in keyof T]?: T[K] | undefined };

/** What a database's schema must be at, and how it may get there. */
export interface PostgresSchemaArgs {
    /** The set of migrations: its folder, relative to the project, and its format (default `numbered`). */
    readonly migrations: { readonly dir: string; readonly format?: MigrationFormat | undefined };
    /** The version the database must be at: `"024"`, `"latest"`, or `"0"`. Lower it to go back. Always a string. */
    readonly version: pulumi.Input<string>;
    /** Version of the application that runs on this schema; part of snapshots' names. */
    readonly app?: pulumi.Input<string> | undefined;
    /** Where the database's URL is found. A reference: no password enters the state, and a rotated one is no change. */
    readonly connection: pulumi.Input<Exclude<ConnectionReference, { readonly url: string }>>;
    /** The snapshot before each run. Without a store none is taken; `required` (default true) then refuses to migrate. */
    readonly snapshot?: {
        /** URL of the store: `file:DIR` or `s3://BUCKET/PREFIX`. */
        readonly store?: pulumi.Input<string> | undefined;
        readonly required?: boolean | undefined;
        /** What stays when a run has ended well: the newest n, or `{ last, daily, weekly }`. Absent: all. */
        readonly keep?: number | RetentionRules | undefined;
        /** How many pg_dump work at a time, each with tables of its own; default 1. */
        readonly jobs?: number | undefined;
        /** Encryption with age before it leaves this machine; absent: the store alone encrypts, or nobody. */
        readonly encryption?: (Settings<SnapshotEncryption> & Pick<SnapshotEncryption, "recipients">) | undefined;
    };
    /** What needs approval, and how much may be lost. Default: a plan that loses data needs `approvedPlan`. */
    readonly policy?: Settings<PolicySettings>;
    /** Another tool's history table that is kept in step; default `schema_migrations`. */
    readonly history?: HistorySettings | undefined;
    /** Timeouts and search_path of the scripts. */
    readonly run?: Settings<RunSettings>;
    /** How traffic is stopped while the schema changes; absent: it is not. */
    readonly traffic?: Settings<TrafficSettings> | undefined;
    /** Queries that have to yield true when all scripts of a run have taken effect: critical tables, relationships. */
    readonly verify?: readonly VerifyQuery[] | undefined;
    /** Where each run that goes back leaves its record, a Markdown file; default: in the ledger only. */
    readonly incidents?: IncidentSettings | undefined;
    /**
     * Whether tables and columns that a down script drops are kept in the database, out of the application's reach, and loaded back when their
     * migration is applied again; default false.
     */
    readonly keepData?: boolean | undefined;
    /**
     * Snapshot that the database is restored from, once: a name, or `latest` for the newest verified one of this environment. Left here, it does
     * nothing any more.
     */
    readonly restoreFrom?: pulumi.Input<string> | undefined;
    /** How it is restored: pg_restore's connections (default 2), days that the database from before is kept (default 7). */
    readonly restore?: Settings<RestoreSettings> | undefined;
    /** Name of the set in the ledger; default: the component's name. */
    readonly set?: string | undefined;
    /** Environment for snapshots and plans; default: the stack's name. */
    readonly environment?: string | undefined;
    /** `project/stack` that the database's ledger is taken over from, after a rename or for a clone. */
    readonly adopt?: string | undefined;
}

interface Planning {
    readonly plan: string[];
    readonly digest: string;
    readonly refusals: string[];
}

/**
 * A PostgreSQL schema at a declared version.
 *
 * Each `pulumi preview` prints the plan: which scripts, forward or back, what is dropped, how many rows are lost, which
 * locks are taken. `pulumi up` takes a verified snapshot and runs them. `pulumi destroy` leaves the database alone.
 */
export class PostgresSchema extends pulumi.ComponentResource {
    /** The declared version. */
    readonly version: pulumi.Output<string>;
    /** Where the database is: highest applied version, `"0"` for none. */
    readonly at: pulumi.Output<string>;
    /** Name of the last snapshot taken before a run; null if there was none. */
    readonly lastSnapshot: pulumi.Output<string | null>;
    private readonly ownName: string;
    private readonly ownParent: pulumi.Resource | undefined;
    private readonly declared: DeclaredOutputs;
    private readonly schemaVersion: SchemaVersion;

    constructor(name: string, args: PostgresSchemaArgs, options?: pulumi.ComponentResourceOptions) {
        super("schemaward:index:PostgresSchema", name, {}, options);
        this.ownName = name;
        this.ownParent = options?.parent;
        const resource = `${name}-version`;
        if (pulumi.runtime.isDryRun()) this.sayWhatIsUnknown(args).catch(() => undefined);
        const declaration = pulumi.output(args).apply((resolved) => declare(name, resolved));
        const planning = declaration.apply((d) => this.planFor(d, resource));
        this.declared = outputsOf(declaration);
        const version = new SchemaVersion(
            resource,
            {
                ...this.declared,
                resource,
                // The plan holds no secret, and must be readable even where an input is one.
                plan: pulumi.unsecret(planning.apply((p) => p.plan)),
                digest: pulumi.unsecret(planning.apply((p) => p.digest)),
                refusals: pulumi.unsecret(planning.apply((p) => p.refusals)),
            },
            { parent: this },
        );
        this.schemaVersion = version;
        this.version = version.version;
        this.at = version.at;
        this.lastSnapshot = version.lastSnapshot;
        this.registerOutputs({ version: this.version, at: this.at, lastSnapshot: this.lastSnapshot });
    }

    /**
     * Lets traffic in again when these resources are as declared: the workloads that are to carry the application that accepts the schema. What
     * would start is held against the compatibility matrix (else against `app`) first. Where nothing is stopped it does nothing.
     * @returns what others may depend on that need traffic to be in again
     */
    resumeAfter(resources: pulumi.Input<pulumi.Input<pulumi.Resource>[]>): TrafficResume {
        const { declared, schemaVersion } = this;
        const { run, ...rest } = declared;
        const resource = `${this.ownName}-traffic`;
        return new TrafficResume(
            resource,
            { ...rest, settings: run, resource, lastRun: schemaVersion.lastRun },
            {
                // Not a child: who depends on a component waits for all its children, and the workloads that this one waits for do.
                ...(this.ownParent === undefined ? {} : { parent: this.ownParent }),
                dependsOn: pulumi.output(resources).apply((list) => [schemaVersion, ...list]),
            },
        );
    }

    /** Without an input that only an `up` makes known there is nothing to plan with yet, and nothing else would be printed. */
    private async sayWhatIsUnknown(args: PostgresSchemaArgs): Promise<void> {
        const unknown: string[] = [];
        for (const [key, value] of Object.entries(args)) {
            // Public at run time, left out of the types.
            const { isKnown } = pulumi.output(value as unknown) as unknown as { readonly isKnown: Promise<boolean> };
            if (!(await isKnown)) unknown.push(key);
        }
        if (unknown.length === 0) return;
        await pulumi.log.warn(
            `plan deferred: ${unknown.join(" and ")} will be known only when another resource is made. That up prints the plan and holds it to the policy before a script runs.`,
            this,
        );
    }

    /** Plans and prints. What forbids the plan is returned, so that the resource's check fails after the plan stands. */
    private async planFor(declaration: Declaration, resource: string): Promise<Planning> {
        try {
            const snapshot = await pendingRestore(declaration);
            if (snapshot !== undefined) return await this.planRestore(declaration, resource, snapshot);
            if (declaration.restoreFrom !== undefined)
                await pulumi.log.info(
                    `restoreFrom: ${declaration.restoreFrom} was done and does nothing any more: take it out. To do it again: schemaward snapshot restore ${declaration.restoreFrom} --stack ${declaration.declarer?.stack ?? ""}`,
                    this,
                );
            const { plan } = await buildPlan(declaration, {
                projectDir: process.cwd(),
                resource,
                observe: "full",
                commandFlags: `--stack ${declaration.declarer?.stack ?? ""}`,
                onProgress: (done, count) => {
                    // Passing: shown where it happens, and not kept.
                    pulumi.log.info(planningText(done, count), this, undefined, true).catch(() => undefined);
                },
            });
            const lines = renderPlan(plan);
            await pulumi.log.info(lines.join("\n"), this);
            if (plan.held !== null) await pulumi.log.warn(`TRAFFIC IS STOPPED. ${heldText(plan.held)}`, this);
            for (const warning of plan.warnings) await pulumi.log.warn(warning, this);
            if (plan.drift.length > 0)
                await pulumi.log.warn(
                    "The schema was changed by other hands since the last run; the plan says where.",
                    this,
                );
            return { plan: lines, digest: plan.digest, refusals: plan.refusals.map(refusalText) };
        } catch (error) {
            if (!(error instanceof SchemawardError)) throw error;
            if (error instanceof FailedError) {
                await pulumi.log.warn(`plan deferred: ${error.message}`, this);
                return { plan: [`plan deferred: ${error.parts.what}`], digest: "", refusals: [] };
            }
            return { plan: [], digest: "", refusals: [error.message] };
        }
    }

    /** The same of a restore that is declared and was not done. */
    private async planRestore(declaration: Declaration, resource: string, snapshot: string): Promise<Planning> {
        // Loaded here: few programs restore anything.
        const { buildRestorePlan } =
            require("../core/run/restore/restore.js") as typeof import("../core/run/restore/restore");
        const plan = await buildRestorePlan(declaration, {
            ...{ projectDir: process.cwd(), snapshot, resource, emergency: true, declaredVersionCounts: true },
            commandFlags: `--stack ${declaration.declarer?.stack ?? ""}`,
        });
        const lines = renderRestore(plan);
        await pulumi.log.info(lines.join("\n"), this);
        for (const warning of plan.warnings) await pulumi.log.warn(warning, this);
        return { plan: lines, digest: plan.digest, refusals: plan.refusals.map(refusalText) };
    }
}

function refusalText({ text, allow }: { readonly text: string; readonly allow: string }): string {
    return `${text}\nAllow it with: ${allow}`;
}

type DeclaredOutputs = { readonly [K in keyof Declaration]-?: pulumi.Output<Declaration[K]> };

/** A declaration's members, each as an output of its own: what is secret of one is not of the others. */
function outputsOf(declaration: pulumi.Output<Declaration>): DeclaredOutputs {
    const part = <K extends keyof Declaration>(key: K): pulumi.Output<Declaration[K]> =>
        declaration.apply((d) => d[key]);
    return {
        set: part("set"),
        declarer: part("declarer"),
        adopt: part("adopt"),
        migrations: part("migrations"),
        version: part("version"),
        app: part("app"),
        connection: part("connection"),
        history: part("history"),
        snapshot: part("snapshot"),
        policy: part("policy"),
        run: part("run"),
        traffic: part("traffic"),
        verify: part("verify"),
        incidents: part("incidents"),
        keepData: part("keepData"),
        restoreFrom: part("restoreFrom"),
        restore: part("restore"),
    };
}

function declare(name: string, args: pulumi.Unwrap<PostgresSchemaArgs>): Declaration {
    const stack = pulumi.getStack();
    const { snapshot } = args;
    return {
        set: args.set ?? name,
        declarer: { project: pulumi.getProject(), stack, environment: args.environment ?? stack },
        ...(args.adopt === undefined ? {} : { adopt: args.adopt }),
        migrations: { dir: args.migrations.dir, format: args.migrations.format ?? "numbered" },
        version: args.version,
        ...(args.app === undefined ? {} : { app: args.app }),
        connection: args.connection,
        history: args.history ?? { mirror: "schema_migrations" },
        snapshot: {
            required: snapshot?.required ?? true,
            ...(snapshot?.store === undefined ? {} : { store: snapshot.store }),
            ...(snapshot?.keep === undefined ? {} : { keep: snapshot.keep }),
            ...(snapshot?.jobs === undefined ? {} : { jobs: snapshot.jobs }),
            ...(snapshot?.encryption === undefined
                ? {}
                : { encryption: defined(snapshot.encryption) as SnapshotEncryption }),
        },
        policy: { ...defaultPolicy, ...defined(args.policy) },
        run: { ...defaultRunSettings, ...defined(args.run) },
        ...(args.traffic === undefined ? {} : { traffic: { ...defaultTraffic, ...defined(args.traffic) } }),
        ...(args.incidents === undefined ? {} : { incidents: args.incidents }),
        ...(args.verify === undefined ? {} : { verify: args.verify }),
        ...(args.keepData === undefined ? {} : { keepData: args.keepData }),
        ...(args.restoreFrom === undefined ? {} : { restoreFrom: args.restoreFrom }),
        ...(args.restore === undefined ? {} : { restore: { ...defaultRestore, ...defined(args.restore) } }),
    };
}

/** Leaves out members that are undefined, which would hide a default. */
function defined<T extends object>(value: Settings<T> | undefined): Partial<T> {
    return Object.fromEntries(Object.entries(value ?? {}).filter(([, v]) => v !== undefined)) as Partial<T>;
}
