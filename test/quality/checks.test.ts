import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { root } from "../../tools/pg-binaries";
import { publishedFiles } from "../../tools/write-schemas";

/** Runs a tool of node_modules; what it prints is the failure's message. */
function passes(tool: readonly [module: string, file: string], args: readonly string[]): void {
    const file = path.join(root, "node_modules", ...tool);
    const { status, stdout, stderr } = spawnSync(process.execPath, [file, ...args], { cwd: root, encoding: "utf8" });
    assert.equal(status, 0, `${stdout}${stderr}`);
}

describe("quality", function () {
    this.timeout(240_000);

    it("compiles under tsc --strict", () => {
        const { compilerOptions } = JSON.parse(readFileSync(path.join(root, "tsconfig.json"), "utf8")) as {
            compilerOptions: { strict?: boolean };
        };
        assert.equal(compilerOptions.strict, true);
        passes(["typescript", "bin/tsc"], ["--noEmit", "-p", "tsconfig.json"]);
    });

    it("eslint, with type information, finds nothing", () => {
        passes(["eslint", "bin/eslint.js"], ["--max-warnings", "0", "."]);
    });

    it("is formatted", () => {
        passes(["prettier", "bin/prettier.cjs"], ["--check", "--log-level", "warn", "."]);
    });

    for (const [file, make] of Object.entries(publishedFiles))
        it(`${file} is what the code says (npm run schemas writes it)`, () => {
            assert.equal(readFileSync(path.join(root, file), "utf8"), make());
        });
});
