import { writeFileSync } from "node:fs";
import Mocha from "mocha";

/** What a suite's process tells the runner of it. */
export interface SuiteResult {
    readonly passed: number;
    readonly failed: number;
    /** Titles, with the reason that `skip` gave. */
    readonly skipped: readonly string[];
}

/** mocha's spec reporter, which at the end writes its counts where SCHEMAWARD_TEST_RESULT says. */
class TestReporter extends Mocha.reporters.Spec {
    constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
        super(runner, options);
        const skipped: string[] = [];
        runner.on("pending", (test) => skipped.push(test.fullTitle()));
        runner.once("end", () => {
            const file = process.env["SCHEMAWARD_TEST_RESULT"];
            const { passes, failures } = this.stats;
            const result: SuiteResult = { passed: passes, failed: failures, skipped };
            if (file !== undefined) writeFileSync(file, JSON.stringify(result));
        });
    }
}

module.exports = TestReporter;
