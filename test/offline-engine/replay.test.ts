import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { CommandResult } from "../support/command";
import { eventually } from "../support/eventually";
import { normaliseJson, normaliseOutput } from "./normalise";
import { OracleProject, passphrase, recorded, recordedFiles, recordingOf } from "./oracle";

/** What the recording script did between the commands it recorded. */
const before: Readonly<Record<string, (project: OracleProject) => unknown>> = {
    "11-preview-expect-fails": (p) => p.must("config", "set", "target", "2"),
    "14-preview-drift": (p) => {
        p.live("9");
    },
    "17-preview-refused": (p) => p.must("config", "set", "target", "forbidden"),
    "19-up-half": (p) => p.must("config", "set", "target", "half"),
    "20-up-broken": (p) => p.must("config", "set", "target", "broken"),
    "21-up-after-failure": (p) => p.must("config", "set", "target", "2"),
    "22-preview-replace": (p) => p.must("config", "set", "label", "b"),
    "29-up-locked": killedUp,
    "35-wrong-passphrase": (p) => {
        p.env["PULUMI_CONFIG_PASSPHRASE"] = "wrong";
    },
};

const locks = "state/.pulumi/locks";

/** Kills an update as soon as it has the stack's lock. */
async function killedUp(project: OracleProject): Promise<void> {
    const { child, done } = project.start("up", "--stack", "dev", "--yes", "--skip-preview");
    await eventually(() => project.files(locks).length === 2, "the lock", 60);
    child.kill("SIGKILL");
    await done;
}

const commands = recordedFiles().flatMap((file) => /^(\d\d-.+)\.txt$/.exec(file)?.[1] ?? []);

function isPreview(name: string): boolean {
    return recordingOf(name).args[0] === "preview";
}

describe("offline-engine says and writes what the CLI did", function () {
    this.timeout(120_000);
    const project = new OracleProject();
    after(() => {
        project.remove();
    });

    const outcomes = new Map<string, Promise<CommandResult>>();

    /** Previews change nothing, so those that stand together run at once. */
    function outcomeOf(name: string): Promise<CommandResult> {
        const outcome = outcomes.get(name) ?? project.replay(recordingOf(name));
        outcomes.set(name, outcome);
        const next = commands[commands.indexOf(name) + 1];
        if (next !== undefined && before[next] === undefined && [name, next].every(isPreview)) void outcomeOf(next);
        return outcome;
    }

    for (const name of commands.filter((c) => c !== "28-locks-after-kill")) {
        const [number = ""] = name.split("-");
        const state = `${number}-state.json`;

        it(`${name}: ${recordingOf(name).args.join(" ")}`, async () => {
            const recording = recordingOf(name);
            await before[name]?.(project);
            const { code, stdout } = await outcomeOf(name);
            if (recording.output.startsWith("{"))
                assert.deepEqual(await json(stdout), await json(recording.output), `${name} says something else`);
            else
                assert.equal(
                    normaliseOutput(stdout, project.dir),
                    normaliseOutput(recording.output, project.dir),
                    `${name} says something else`,
                );
            assert.equal(code, recording.code);
        });

        if (recordedFiles().includes(state))
            it(`${state}: the checkpoint after it`, async () => {
                assert.deepEqual(await json(project.checkpoint), await json(recorded(state)));
            });

        if (name === "29-up-locked")
            it("28-locks-after-kill: the lock's files", () => {
                const [key = ""] = project.files(locks);
                const md5 = createHash("md5").update(project.read(key)).digest("base64");
                const expected = recorded("28-locks-after-kill.txt").replace(/"md5":"[^"]+"/, `"md5":"${md5}"`);
                const files = project.files(locks).sort((a, b) => b.length - a.length);
                const text = `${files.join("\n")}\n${project.read(`${key}.attrs`)}`;
                assert.equal(normaliseOutput(text, project.dir), normaliseOutput(expected.trimEnd(), project.dir));
            });
    }

    function json(text: string): Promise<unknown> {
        return normaliseJson(text, project.dir, passphrase);
    }

    it("the stack's file", async () => {
        const read = async (text: string): Promise<unknown> => {
            const salt = /^encryptionsalt: (.+)$/m.exec(text)?.[1];
            const ciphertext = /secure: (.+)$/m.exec(text)?.[1];
            const rest = text.replace(salt ?? "", "SALT").replace(ciphertext ?? "", "CIPHERTEXT");
            return [await json(JSON.stringify({ salt, ciphertext })), rest.replaceAll(project.dir, "DIR")];
        };
        assert.deepEqual(await read(project.read("stacks/Pulumi.dev.yaml")), await read(recorded("stack-file.yaml")));
    });

    it("the files of the backend", () => {
        // Histories and backups are named by the time; there are as many as there were updates.
        const names = (files: readonly string[]): string[] =>
            files.map((file) => file.replace(/(?<=dev[.-])\d{19}(?=\.)/, "NANOSECONDS"));
        const expected = recorded("files-of-the-backend.txt").trimEnd().split("\n");
        assert.deepEqual(names(project.files()).sort(), names(expected).sort());
    });
});
