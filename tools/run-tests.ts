import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { capabilitiesOf, suites, type Suite } from "./suites";
import { root } from "./pg-binaries";
import type { Capability, Prepared } from "./capability";
import type { SuiteResult } from "./test-reporter";

/**
 * Runs the test suites named in the arguments, or all, one after the other; prints where the time went and, last, the line
 * `N passed, N failed, N skipped`. With SCHEMAWARD_CI=1 a skip that this machine could have run is a failure.
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
    for (const suite of chosen) {
        console.log(`\n── ${suite.name}`);
        const row = await runSuite(suite);
        rows.push(row);
        if (row.seconds > suite.budget) faults.push(`${suite.name} took longer than its budget of ${suite.budget} s`);
        for (const title of row.skipped)
            if (!title.includes("(skipped: ")) faults.push(`skipped without a reason: ${title}`);
    }
    return report(rows, faults);
}

interface Row extends SuiteResult {
    readonly name: string;
    readonly seconds: number;
    readonly budget: number;
}

const none: SuiteResult = { passed: 0, failed: 0, skipped: [] };

async function runSuite(suite: Suite): Promise<Row> {
    const started = Date.now();
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
        { cwd: root, stdio: "inherit", env: { ...process.env, SCHEMAWARD_TEST_RESULT: result } },
    );
    const late = setTimeout(() => child.kill("SIGKILL"), suite.budget * 2000);
    const code = await new Promise<number | null>((resolve) => child.once("exit", resolve));
    clearTimeout(late);
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

function report(rows: readonly Row[], faults: readonly string[]): number {
    const strict = process.env["SCHEMAWARD_CI"] === "1";
    console.log("\n── where the time went");
    for (const { name, seconds, budget, passed, failed, skipped } of rows) {
        const counts = name.startsWith("(") ? "" : `${passed} passed, ${failed} failed, ${skipped.length} skipped`;
        console.log(
            `${name.padEnd(34)} ${seconds.toFixed(0).padStart(5)} s of ${String(budget).padStart(4)} s   ${counts}`,
        );
    }
    const total = rows.reduce((sum, r) => sum + r.seconds, 0);
    console.log(`${"all".padEnd(34)} ${total.toFixed(0).padStart(5)} s`);
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
