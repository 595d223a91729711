import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { startPostgres } from "../tools/local-postgres";
import { type PgBinaries, root } from "../tools/pg-binaries";
import { type Command, type Contender, contenders } from "./contenders";
import { createDatabase } from "./database";
import { measure, type Measured, median } from "./measure";
import { writeBenchSet } from "./migration-set";
import { waitForQuietDisk } from "./quiet";

export interface SpeedOptions {
    readonly migrations: number;
    readonly rounds: number;
}

/** What must be reached, as ratios of medians or absolute values. */
const goals: readonly Goal[] = [
    against("up", "psql", 1.1),
    against("up", "golang-migrate 4.19", 0.55),
    against("down", "golang-migrate 4.19", 0.5),
    against("down", "goose 3.26", 1.1),
    {
        what: "planning at head beyond Node's start",
        value: (r) => r.planMs,
        limit: 150,
        unit: "ms",
        floor: { of: "one question through pg", value: (r) => r.questionMs },
    },
    { what: "peak memory", value: (r) => r.peakMegabytes, limit: 150, unit: "MB" },
];

interface Goal {
    readonly what: string;
    readonly value: (r: Results) => number | undefined;
    readonly limit: number;
    readonly unit: string;
    /** The same of something that does nothing else: what server and machine leave for anybody to reach. */
    readonly floor?: { readonly of: string; readonly value: (r: Results) => number | undefined };
}

function against(direction: "up" | "down", other: string, limit: number): Goal {
    return {
        what: `${direction}, schemaward / ${other}`,
        value: (r) => ratio(r, direction, other),
        limit,
        unit: "×",
        ...(other === "psql"
            ? {}
            : { floor: { of: "psql itself", value: (r: Results) => ratio(r, direction, other, "psql") } }),
    };
}

interface Results {
    readonly up: ReadonlyMap<string, number>;
    readonly down: ReadonlyMap<string, number>;
    readonly planMs: number;
    readonly questionMs: number;
    readonly peakMegabytes: number | undefined;
}

const settings = {
    fsync: "on",
    full_page_writes: "on",
    synchronous_commit: "on",
    shared_buffers: "256MB",
    max_wal_size: "4GB",
    checkpoint_timeout: "1h",
};

/**
 * The same small migrations, up and down, by us and by others, in turn, with fsync on.
 * Each time on a new server, whose files stay until the end: ext4 passes over what was deleted in the last minutes when it makes files,
 * which makes a migration nearly twice as long for whoever comes after another's DROP. Prints medians and ratios.
 * @returns whether every goal was reached; true where the run was too small to say
 */
export async function benchSpeed(binaries: PgBinaries, options: SpeedOptions): Promise<boolean> {
    const dir = mkdtempSync(path.join(os.tmpdir(), "schemaward-bench-"));
    const homes: string[] = [];
    try {
        const set = writeBenchSet(dir, options.migrations);
        const list = contenders(set, binaries, (text) => console.log(`left out: ${text}`));
        console.log(
            `${options.migrations} migrations, ${options.rounds} rounds, PostgreSQL ${binaries.version}, fsync on, Node ${process.version}\n`,
        );
        const makeFolder = (): string => {
            const folder = mkdtempSync(path.join(os.tmpdir(), "schemaward-quiet-"));
            homes.push(folder);
            return folder;
        };
        const waits = (): void => {
            console.log("waiting until the file system makes files quickly: many were deleted in the last minutes …");
        };
        const isQuiet = await waitForQuietDisk(makeFolder, waits);
        const times = new Map(list.map(({ name }) => [name, { up: [] as number[], down: [] as number[] }]));
        const peaks: number[] = [];
        const plans: Start[] = [];
        for (let round = 1; round <= options.rounds; round++) {
            // In turn, and each round begins with another: a machine that slows down slows all alike.
            for (const contender of rotated(list, round)) {
                const server = await startPostgres(binaries, { settings });
                homes.push(server.home);
                try {
                    const url = await createDatabase(server, "bench", "CHECKPOINT");
                    // Nobody pays for what another has left to be written.
                    execFileSync("sync");
                    const run = async (command: Command): Promise<Measured> =>
                        measure(command.file, command.args, { cwd: dir, env: { ...process.env, DATABASE_URL: url } });
                    const up = await run(contender.up(url));
                    if (contender.name === "schemaward") plans.push(...(await planning(set.numbered, run)));
                    const down = await run(contender.down(url));
                    times.get(contender.name)?.up.push(up.seconds);
                    times.get(contender.name)?.down.push(down.seconds);
                    if (contender.name === "schemaward") peaks.push(up.peakMegabytes ?? 0, down.peakMegabytes ?? 0);
                    console.log(
                        `round ${round}  ${contender.name.padEnd(20)} up ${up.seconds.toFixed(2)} s   down ${down.seconds.toFixed(2)} s`,
                    );
                } finally {
                    // Without a goodbye: a checkpoint would write everything once more.
                    await server.kill();
                }
            }
        }
        const reached = print(list, {
            up: new Map([...times].map(([name, t]) => [name, median(t.up)])),
            down: new Map([...times].map(([name, t]) => [name, median(t.down)])),
            planMs: median(plans.map((p) => p.planMs)),
            questionMs: median(plans.map((p) => p.questionMs)),
            peakMegabytes: peaks.every((p) => p === 0) ? undefined : Math.max(...peaks),
        });
        const counts = options.migrations >= 1000 && options.rounds >= 5;
        if (!counts) console.log("(the goals are for 1,000 migrations and 5 rounds: this run says nothing of them)");
        if (!isQuiet)
            console.log(
                "Files were made slowly throughout: that weighs on all tools alike, and moves the ratios towards 1. Measure again.",
            );
        return reached || !counts;
    } finally {
        for (const home of [dir, ...homes]) rmSync(home, { recursive: true });
    }
}

/** Milliseconds beyond Node's own start. */
interface Start {
    /** Of a plan with nothing to do. */
    readonly planMs: number;
    /** Of loading pg, connecting and asking for a 1. */
    readonly questionMs: number;
}

const question = `const { Client } = require(${JSON.stringify(require.resolve("pg"))});
const client = new Client({ connectionString: process.env.DATABASE_URL });
client.connect().then(() => client.query("SELECT 1")).then(() => client.end());`;

/** Each time all three in turn. */
async function planning(dir: string, run: (command: Command) => Promise<Measured>): Promise<Start[]> {
    const starts: Start[] = [];
    for (let i = 0; i < 5; i++) {
        const empty = await run({ file: process.execPath, args: ["-e", "0"] });
        const plan = await run({
            file: process.execPath,
            args: [path.join(root, "dist", "cli", "main.js"), "plan", "--dir", dir],
        });
        const asked = await run({ file: process.execPath, args: ["-e", question] });
        starts.push({
            planMs: (plan.seconds - empty.seconds) * 1000,
            questionMs: (asked.seconds - empty.seconds) * 1000,
        });
    }
    return starts;
}

function rotated(list: readonly Contender[], round: number): Contender[] {
    const from = round % list.length;
    return [...list.slice(from), ...list.slice(0, from)];
}

function ratio(results: Results, direction: "up" | "down", other: string, tool = "schemaward"): number | undefined {
    const ours = results[direction].get(tool);
    const theirs = results[direction].get(other);
    return ours === undefined || theirs === undefined ? undefined : ours / theirs;
}

/** @returns whether every goal was reached */
function print(list: readonly Contender[], results: Results): boolean {
    console.log("\nmedians                   up          down");
    for (const { name } of list) {
        const cell = (direction: "up" | "down"): string => {
            const ours = ratio(results, direction, name);
            return `${(results[direction].get(name) ?? 0).toFixed(2).padStart(6)} s ${ours === undefined ? "" : `×${ours.toFixed(2)}`.padStart(6)}`;
        };
        console.log(`${name.padEnd(20)} ${cell("up")} ${cell("down")}`);
    }
    console.log("(× is schemaward's time divided by that tool's)\n");
    let all = true;
    for (const { what, value, limit, unit, floor } of goals) {
        const reached = value(results);
        const least = floor?.value(results);
        const shown = (n: number): string => `${n.toFixed(unit === "×" ? 2 : 0)} ${unit}`;
        const text = reached === undefined ? "not measured" : shown(reached);
        console.log(
            `${what.padEnd(40)} ${text.padStart(12)}   goal ≤ ${limit} ${unit}   ${reached === undefined ? "" : reached <= limit ? "reached" : "NOT reached"}${least === undefined ? "" : `   (${floor?.of ?? ""}: ${shown(least)})`}`,
        );
        all &&= reached !== undefined && reached <= limit;
    }
    return all;
}
