import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { root } from "../../tools/pg-binaries";
import { startProcess } from "../support/command";
import { anyBinaries } from "../support/postgres";

describe("npm run demo", function () {
    this.timeout(300_000);
    let folder: string;

    before(() => {
        folder = mkdtempSync(path.join(os.tmpdir(), "schemaward-demo-test-"));
        // Of root's, the server runs as another user, who has to get in.
        chmodSync(folder, 0o755);
    });
    after(() => {
        rmSync(folder, { recursive: true, force: true });
    });

    /** What differs from machine to machine: sizes, and with them the digest. */
    function comparable(line: string): string {
        return line
            .trim()
            .replace(/~?[\d.,]+ (?:bytes|[kMG]B|s)\b/g, "…")
            .replace(/\b[0-9a-f]{8}\b/g, "…");
    }

    it("goes to 027, shows what going back would destroy as the README does, goes back and forward, leaves nothing behind", async () => {
        const { code, stdout, stderr } = await startProcess(
            process.execPath,
            [path.join(root, "dist", "tools", "demo.js")],
            { cwd: root, env: { TMPDIR: folder } },
        ).done;
        assert.equal(code, 0, stdout + stderr);
        const { hasDump } = anyBinaries();
        const chapters = [
            /^Engine: (?:offline-engine|Pulumi CLI)/m,
            /^Server: PostgreSQL \d+/m,
            /pulumi up: an empty database goes to 027[^]*at 027, ledger/,
            /pulumi preview shows what that would destroy[^]*027 → 024 {2}BACK, 3 down scripts/,
            /pulumi up: back to 024[^]*at 024, ledger/,
            /And forward again[^]*at 027, ledger/,
            hasDump ? /snapshot \S+ taken/ : /^Snapshots: none in this demo, because no pg_dump/m,
        ];
        for (const chapter of chapters) assert.match(stdout, chapter);
        const printed = stdout.split("\n").map(comparable);
        const readme = readFileSync(path.join(root, "README.md"), "utf8");
        const sample = /^```text\n([^]*?)^```$/m.exec(readme)?.[1]?.trimEnd().split("\n") ?? [];
        assert(sample.length > 15);
        const missing = sample
            .filter((line) => !line.includes("…") && (hasDump || !line.startsWith("Snapshot")))
            .filter((line) => !printed.includes(comparable(line)));
        assert.deepEqual(missing, hasDump ? [] : ["snapshot → 027 026 025 → verify"]);
        // Kept for the next time are a copy of the server for that user, and what Pulumi's ts-node has compiled.
        const left = readdirSync(folder).filter((name) => !/^(?:schemaward-postgres|ts-node)-/.test(name));
        assert.deepEqual(left, []);
        const { stdout: processes } = await promisify(execFile)("ps", ["-eo", "args"]);
        assert.doesNotMatch(processes, new RegExp(folder));
    });
});
