import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { capabilitiesOf, suites, type Suite } from "./suites";
import { root } from "./pg-binaries";
import type { Capability, Prepared } from "./capability";
import type { SuiteResult } from "./test-reporter";

/**
 * Runs the test suites named in the arguments, or all; prints where the time went and, last, the line
 * `N passed, N failed, N skipped`. With SCHEMAWARD_CI=1 a skip that this machine could have run is a failure.
 *
 * Two suites run at a time where there are two cores, but for those that are to be alone: most of a suite is one process that waits for another. SCHEMAWARD_TEST_LANES says
 * otherwise. What a suite prints comes when it has ended; of a suite that is alone, at once.
 */
async function main(names: readonly string[]): Promise<number> {
    const unknown = names.filter((name) => !suites.some((s) => s.name === name));
    if (unknown.length > 0) {
        console.error(`No suite ${unknown.join(", ")}; there is: ${suites.map((s) => s.name).join(", ")}.`);
        return 1;
    }
    const chosen = suites.filter((s) => names.length === 0 || names.includes(s.name));
    const rows: Row[] = [];
    const faults = unlisted();
    for (const capability of capabilitiesOf(chosen)) {
        const started = Date.now();
        console.log(`\n── fetching what tests need: ${capability.name}`);
        const prepared = await capability.prepare();
        rows.push({ name: `(${capability.name})`, seconds: secondsSince(started), budget: capability.budget, ...none });
        console.log(describePrepared(capability, prepared));
        if (prepared.state === "failed") faults.push(`${capability.name} could not be made ready: ${prepared.why}`);
    }
    const started = Date.now();
    const together = chosen.filter((suite) => suite.alone !== true);
    const lanes = Math.max(1, Math.min(lanesHere(), together.length));
    // The longest first, so that none of them is alone at the end; what is wrong with the code as such still shows soon.
    const waiting = lanes === 1 ? together : together.sort((a, b) => rank(b) - rank(a));
    const work = async (): Promise<void> => {
        for (let suite = waiting.shift(); suite !== undefined; suite = waiting.shift()) {
            const row = await runSuite(suite, lanes === 1 || suite.alone === true);
            rows.push(row);
            if (row.seconds > suite.budget)
                faults.push(`${suite.name} took longer than its budget of ${suite.budget} s`);
            for (const title of row.skipped)
                if (!title.includes("(skipped: ")) faults.push(`skipped without a reason: ${title}`);
        }
    };
    await Promise.all(Array.from({ length: lanes }, work));
    waiting.push(...chosen.filter((suite) => suite.alone === true));
    await work();
    return report(rows, faults, secondsSince(started));
}

function lanesHere(): number {
    const wanted = Number(process.env["SCHEMAWARD_TEST_LANES"] ?? Math.min(2, os.availableParallelism()));
    return Number.isInteger(wanted) && wanted > 0 ? wanted : 1;
}

function rank({ name, budget }: Suite): number {
    return name === "quality" ? Infinity : budget;
}

interface Row extends SuiteResult {
    readonly name: string;
    readonly seconds: number;
    readonly budget: number;
}

const none: SuiteResult = { passed: 0, failed: 0, skipped: [] };

/** @param isAlone whether what it prints may be shown as it comes */
async function runSuite(suite: Suite, isAlone: boolean): Promise<Row> {
    const started = Date.now();
    const title = `\n── ${suite.name}`;
    if (isAlone) console.log(title);
    const temporary = mkdtempSync(path.join(os.tmpdir(), "schemaward-tests-"));
    const result = path.join(temporary, "result.json");
    const args = ["--reporter", path.join(root, "dist", "tools", "test-reporter.js"), "--forbid-only", "--recursive"];
    const child = spawn(
        process.execPath,
        [
            path.join(root, "node_modules", "mocha", "bin", "mocha.js"),
            ...args,
            path.join("dist", "test", suite.name, "**", "*.test.js"),
        ],
        {
            cwd: root,
            stdio: isAlone ? "inherit" : ["ignore", "pipe", "pipe"],
            env: { ...process.env, SCHEMAWARD_TEST_RESULT: result },
        },
    );
    const printed: Buffer[] = [];
    for (const stream of [child.stdout, child.stderr]) stream?.on("data", (piece: Buffer) => printed.push(piece));
    const late = setTimeout(() => child.kill("SIGKILL"), suite.budget * 2000);
    const closed = new Promise((resolve) => child.once("close", resolve));
    const code = await new Promise<number | null>((resolve) => child.once("exit", resolve));
    clearTimeout(late);
    // The rest of what it has printed; what a test has left behind may hold the other end for ever.
    await Promise.race([closed, pause(2_000, undefined, { ref: false })]);
    if (!isAlone) process.stdout.write(`${title}\n${Buffer.concat(printed).toString()}`);
    let counts = none;
    try {
        counts = JSON.parse(readFileSync(result, "utf8")) as SuiteResult;
    } catch {
        console.log(`${suite.name} ended without a result (exit code ${String(code)})`);
    }
    rmSync(temporary, { recursive: true });
    // A process that fails in another way than by a test has failed, too.
    const failed = counts.failed === 0 && code !== 0 ? 1 : counts.failed;
    return { ...counts, failed, name: suite.name, seconds: secondsSince(started), budget: suite.budget };
}

/** Folders with tests that no suite runs. */
function unlisted(): string[] {
    const folders = readdirSync(path.join(root, "dist", "test"), { withFileTypes: true });
    return folders
        .filter((f) => f.isDirectory() && !["support", "fixtures"].includes(f.name))
        .filter((f) => !suites.some((s) => s.name === f.name))
        .map((f) => `test/${f.name} is in no suite (tools/suites.ts)`);
}

function describePrepared(capability: Capability, prepared: Prepared): string {
    if (prepared.state === "ready") return `${capability.name} is there`;
    return `${capability.name} ${prepared.state === "absent" ? "cannot be had on this machine" : "could not be made ready"}: ${prepared.why}`;
}

/** @param seconds that all suites took together */
function report(rows: readonly Row[], faults: readonly string[], seconds: number): number {
    const strict = process.env["SCHEMAWARD_CI"] === "1";
    console.log("\n── where the time went");
    for (const { name, seconds, budget, passed, failed, skipped } of rows) {
        const counts = name.startsWith("(") ? "" : `${passed} passed, ${failed} failed, ${skipped.length} skipped`;
        console.log(
            `${name.padEnd(34)} ${seconds.toFixed(0).padStart(5)} s of ${String(budget).padStart(4)} s   ${counts}`,
        );
    }
    const fetching = rows.filter((r) => r.name.startsWith("(")).reduce((sum, r) => sum + r.seconds, 0);
    console.log(`${"all".padEnd(34)} ${(fetching + seconds).toFixed(0).padStart(5)} s`);
    const skipped = rows.flatMap((r) => r.skipped);
    if (skipped.length > 0) console.log("\n── skipped");
    for (const title of skipped) console.log(`  ${title}`);
    if (faults.length > 0) console.log(strict ? "\n── faults" : "\n── would fail in CI");
    for (const fault of faults) console.log(`  ${fault}`);
    const failed = rows.reduce((sum, r) => sum + r.failed, 0) + (strict ? faults.length : 0);
    const passed = rows.reduce((sum, r) => sum + r.passed, 0);
    console.log(`\n${passed} passed, ${failed} failed, ${skipped.length} skipped`);
    return failed === 0 ? 0 : 1;
}

function secondsSince(started: number): number {
    return (Date.now() - started) / 1000;
}

main(process.argv.slice(2)).then(
    (code) => process.exit(code),
    (error: unknown) => {
        console.error(error);
        process.exit(1);
    },
);
