import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { ControlPlane } from "../support/control-plane";
import { eventually } from "../support/eventually";
import type { TestServer } from "../support/postgres";
import { TestProject } from "../support/project";
import { writeFiveMigrations } from "../support/five-migrations";
import { type Engine, PulumiProject } from "../support/pulumi";
import type { Fault } from "./hook";
import { makeWorld, type Strategy, type Version, versions, type World } from "./world";

/** One kill, and what it left. */
export interface Kill {
    /** Where it was killed, for people. */
    readonly at: string;
    readonly direction: "up" | "back";
    /** Undefined: one re-run got there. */
    readonly failure: string | undefined;
}

/** A database and an application that are killed at, again and again; what holds after each kill holds before the next. */
export class Campaign {
    readonly kills: Kill[] = [];
    private at: Version = "001";
    private readonly states = new Map<Version, string>();

    private constructor(
        readonly project: TestProject,
        readonly world: World,
        private readonly server: TestServer,
        private readonly engine: Engine | undefined,
    ) {}

    /** @param engine runs are `up`s of this engine; absent: runs of the core in a process of their own */
    static async begin(
        plane: ControlPlane,
        server: TestServer,
        strategy: Strategy,
        engine?: Engine,
    ): Promise<Campaign> {
        const database = await server.create();
        const project = engine === undefined ? new TestProject(server, database) : new PulumiProject(server, database);
        writeFiveMigrations(project, 5000);
        const world = await makeWorld(plane, server, project, strategy);
        const campaign = new Campaign(project, world, server, engine);
        if (project instanceof PulumiProject && engine !== undefined) {
            project.set({
                traffic: world.traffic,
                verify: world.more.verify,
                ...(world.more.snapshot === undefined ? {} : { snapshot: world.more.snapshot }),
            });
            await project.init(engine);
        }
        // Once there and back without a kill: what the ends look like.
        for (const version of ["001", "005", "001"] as const) {
            await campaign.runTo(version);
            campaign.states.set(version, await world.state());
        }
        return campaign;
    }

    /** Every boundary of a run one way, as it passes them undisturbed. The campaign stands at the other end afterwards. */
    async boundaries(): Promise<string[]> {
        const log = path.join(this.project.dir, "boundaries");
        const child = this.start(this.other(), { log });
        await once(child, "exit");
        const passed = readFileSync(log, "utf8").trim().split("\n");
        rmSync(log);
        this.at = this.other();
        await this.check("no kill");
        return [...new Set(passed)];
    }

    /** Kills a run of the core at a boundary of its way; then one re-run, to the same end or back. */
    async killAt(boundary: string, undo = false): Promise<void> {
        const to = this.other();
        const child = this.start(to, { at: boundary });
        const [, signal] = (await once(child, "exit")) as [unknown, string | null];
        await this.rerun(boundary, to, undo, signal !== null);
    }

    /** Kills a run of the core at some moment. */
    async killAtRandom(undo = false): Promise<void> {
        const to = this.other();
        const child = this.start(to);
        const ms = Math.round(300 + Math.random() * 1700);
        const timer = setTimeout(() => child.kill("SIGKILL"), ms);
        const [, signal] = (await once(child, "exit")) as [unknown, string | null];
        clearTimeout(timer);
        await this.rerun(`${ms} ms`, to, undo, signal !== null);
    }

    /** While an `up` runs, kills the process of its provider, or a server process that works for it. */
    async killFromOutside(what: "provider" | "backend"): Promise<void> {
        assert(this.engine && this.project instanceof PulumiProject);
        const to = this.other();
        this.project.set({ version: to });
        const running = this.project.start(this.engine, "up", "--yes", "--skip-preview");
        let over = false;
        void running.done.then(() => (over = true));
        const isOver = (): boolean => over;
        const [find, kill] =
            what === "provider"
                ? [(): number | undefined => providerOf(running.child.pid ?? 0), kill9]
                : [(): Promise<number | undefined> => this.backend(), kill9];
        // From when it is there, at some moment.
        while (!isOver() && (await find()) === undefined) await pause(20);
        const ms = Math.round(Math.random() * 2500);
        await Promise.race([pause(ms), running.done]);
        const pid = isOver() ? undefined : await find();
        if (pid !== undefined) kill(pid);
        await running.done;
        await this.rerun(`${what}, ${ms} ms after it began`, to, false, pid !== undefined);
    }

    private start(to: Version, fault: Fault = {}): ChildProcess {
        return fork(
            path.join(__dirname, "..", "run", "run-process.js"),
            [this.project.dir, to, JSON.stringify(this.world.more)],
            {
                env: {
                    ...process.env,
                    DATABASE_URL: this.server.url(this.project.database),
                    SCHEMAWARD_FAULT: JSON.stringify(fault),
                },
                execArgv: ["--require", path.join(__dirname, "hook.js")],
                stdio: ["ignore", "ignore", "ignore", "ipc"],
            },
        );
    }

    /** One more run, and what is left then has to be one of the two ends. */
    private async rerun(where: string, to: Version, undo: boolean, killed: boolean): Promise<void> {
        const direction = to === "005" ? "up" : "back";
        let end = undo ? this.at : to;
        let failure: string | undefined;
        try {
            // Half of a script of several transactions has to be finished first.
            if (undo && (await this.mustFinish(end))) end = to;
            await eventually(async () => (await this.backend()) === undefined, "the dead run's sessions end", 60);
            await this.runTo(end);
            this.at = end;
            await this.check(where);
        } catch (error) {
            failure = error instanceof Error ? error.message : String(error);
            this.at = to;
        }
        if (killed) this.kills.push({ at: `${where}${undo ? ", taken back" : ""}`, direction, failure });
        if (failure !== undefined) await this.repair();
    }

    private async check(where: string): Promise<void> {
        assert.equal(await this.world.state(), this.states.get(this.at), where);
    }

    private async mustFinish(end: Version): Promise<boolean> {
        const plan = await this.project.plan(end, this.world.more, "quick");
        return plan.refusals.some((r) => r.code === "unfinished");
    }

    private async runTo(version: Version): Promise<void> {
        if (this.engine === undefined || !(this.project instanceof PulumiProject)) {
            await this.project.migrate(version, this.world.more, { waitMs: 20_000 });
            return;
        }
        this.project.set({ version });
        const { code, stdout, stderr } = await this.project.up(this.engine);
        assert.equal(code, 0, stdout + stderr);
    }

    /** After a failure the next kill is to find a whole world again. */
    private async repair(): Promise<void> {
        try {
            await this.runTo(this.at);
        } catch {
            // Then the next one fails, too, and says so.
        }
    }

    private other(): Version {
        return this.at === versions[0] ? versions[1] : versions[0];
    }

    /** A server process of a run on this database. */
    private async backend(): Promise<number | undefined> {
        try {
            const rows = await this.server.withClient("postgres", async (client) => {
                const answer = await client.query<{ pid: number }>(
                    "SELECT pid FROM pg_stat_activity WHERE datname = $1 AND application_name LIKE 'schemaward run %' ORDER BY random()",
                    [this.project.database],
                );
                return answer.rows;
            });
            return rows[0]?.pid;
        } catch {
            // The server starts again after a process of it was killed.
            return undefined;
        }
    }

    async end(): Promise<void> {
        if (existsSync(this.project.dir)) this.project.remove();
        await this.server.withClient("postgres", async (client) =>
            client.query(`DROP DATABASE ${this.project.database} WITH (FORCE)`),
        );
    }
}

function kill9(pid: number): void {
    try {
        process.kill(pid, "SIGKILL");
    } catch {
        // It has just ended.
    }
}

/** The dynamic provider's process below an engine's. */
function providerOf(engine: number): number | undefined {
    const children = new Map<number, number[]>();
    const provider = new Set<number>();
    for (const entry of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
        try {
            const parent = Number(/^\d+ \([^]*\) \S (\d+)/.exec(readFileSync(`/proc/${entry}/stat`, "utf8"))?.[1]);
            children.set(parent, [...(children.get(parent) ?? []), Number(entry)]);
            if (readFileSync(`/proc/${entry}/cmdline`, "utf8").includes("cmd/dynamic-provider"))
                provider.add(Number(entry));
        } catch {
            // It has ended meanwhile.
        }
    }
    const below = [...(children.get(engine) ?? [])];
    for (const pid of below) {
        if (provider.has(pid)) return pid;
        below.push(...(children.get(pid) ?? []));
    }
    return undefined;
}
