import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import type { RunningCommand } from "../support/command";
import { eventually } from "../support/eventually";
import { OracleProject } from "./oracle";

/** The recorded handlers, which stop in the middle of a creation, and then do not change anything that matters here. */
const waiting = `
const fs = require("node:fs");
const recorded = require("./recorded.js");
Object.assign(exports, recorded);
exports.create = async (inputs) => {
    if (inputs.password !== fs.readFileSync("expected", "utf8")) throw new Error("another password");
    fs.writeFileSync("creating", "");
    while (!fs.existsSync("released")) await new Promise((r) => setTimeout(r, 10));
    return recorded.create(inputs);
};
`;

describe("a secret of the configuration", function () {
    this.timeout(120_000);
    /** Unlike anything else that may stand somewhere. */
    const secret = `s3cret-${randomBytes(12).toString("hex")}`;
    let project: OracleProject;
    let running: RunningCommand | undefined;

    before(() => {
        project = new OracleProject();
    });
    after(async () => {
        project.write("released", "");
        await running?.done;
        project.remove();
    });

    /** Every file of the project except what a test itself put there. */
    function filesWithSecret(): string[] {
        return ["state", "stacks", "home", "bin"]
            .flatMap((folder) => project.files(folder))
            .filter((file) => project.read(file).includes(secret));
    }

    function dark(text: string): void {
        assert(!text.includes(secret), text);
        assert(!text.includes(Buffer.from(secret).toString("base64")), text);
    }

    it("is given in clear to the provider only: no output, argument or file has it", async () => {
        await project.must("stack", "init", "dev");
        await project.must("config", "set", "target", "3");
        await project.must("config", "set", "file", project.file("live.txt"));
        const { stdout, stderr } = await project.must("config", "set", "--secret", "password", secret);
        dark(stdout + stderr);
        assert.match(project.read("stacks/Pulumi.dev.yaml"), /^ {2}oracle:password:\n {4}secure: v1:/m);
        assert.deepEqual(filesWithSecret(), []);

        project.write("bin/recorded.js", project.read("bin/handlers.js"));
        project.write("bin/handlers.js", waiting);
        project.write("expected", secret);
        running = project.start("up", "--stack", "dev", "--yes", "--skip-preview", "--diff");
        await eventually(() => existsSync(project.file("creating")), "the creation", 60);
        const processes = processTree(running.child.pid ?? 0);
        assert.equal(processes.length, 3, "the engine, the program and the provider");
        dark(processes.join("\n"));
        assert.deepEqual(filesWithSecret(), [], "while it runs");
        project.write("released", "");
        const { code } = await running.done;
        assert.equal(code, 0, running.output());
        dark(running.output());
        assert.match(running.output(), /password: \[secret\]/);
        assert.deepEqual(filesWithSecret(), [], "afterwards");
        assert(project.files().some((file) => file.includes("/history/")));
    });

    it("is not shown by what shows the state", async () => {
        for (const args of [
            ["stack", "output", "--json"],
            ["stack", "output"],
            ["stack", "output", "password"],
            ["stack", "export"],
        ]) {
            const { stdout, stderr } = await project.must(...args, "--stack", "dev");
            dark(stdout + stderr);
        }
    });

    it("is shown to who asks for it and has the passphrase", async () => {
        assert.equal((await project.must("config", "get", "password")).stdout, `${secret}\n`);
        const output = await project.must("stack", "output", "password", "--show-secrets");
        assert.equal(output.stdout, `${secret}\n`);
    });

    it("is not in what a failing provider leaves behind", async () => {
        await project.must("config", "set", "target", "half");
        project.write("bin/handlers.js", project.read("bin/recorded.js"));
        const result = await project.run("up", "--stack", "dev", "--yes", "--skip-preview");
        assert.equal(result.code, 1);
        assert.match(result.stdout, /stopped half-way/);
        dark(result.stdout + result.stderr);
        assert.deepEqual(filesWithSecret(), []);
    });
});

/** Arguments of a process and of all that it started. */
function processTree(pid: number): string[] {
    const { stdout } = spawnSync("ps", ["-A", "-ww", "-o", "pid=,ppid=,args="], { encoding: "utf8" });
    const all = stdout.split("\n").flatMap((line) => {
        const [, id, parent, args = ""] = /^ *(\d+) +(\d+) (.*)$/.exec(line) ?? [];
        return id === undefined ? [] : [{ id: Number(id), parent: Number(parent), args }];
    });
    const below = (id: number): string[] => [
        ...all.filter((p) => p.id === id).map((p) => p.args),
        ...all.filter((p) => p.parent === id).flatMap((p) => below(p.id)),
    ];
    return below(pid);
}
