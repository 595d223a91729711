import assert from "node:assert/strict";
import { normaliseJson, normaliseOutput } from "./normalise";
import { OracleProject, passphrase, recorded, recordingOf } from "./oracle";

interface Continuation {
    /** The CLI's checkpoint to go on from. */
    readonly from: string;
    /** What the CLI did next. */
    readonly command: string;
    /** Its checkpoint after that; the one before if nothing changed. */
    readonly to: string;
    readonly config?: Readonly<Record<string, string | undefined>>;
    /** The version that is live before. */
    readonly live: string;
}

const continuations: readonly Continuation[] = [
    { from: "08", command: "10-preview-no-changes", to: "08", config: { target: '"3"' }, live: "3" },
    { from: "13", command: "15-refresh", to: "15", live: "9" },
    { from: "15", command: "16-up-heals", to: "16", live: "9" },
    { from: "20", command: "21-up-after-failure", to: "21", live: "2" },
    { from: "23", command: "24-output", to: "23", config: { label: "b" }, live: "2" },
    { from: "23", command: "25-output-secrets", to: "23", config: { label: "b" }, live: "2" },
    { from: "23", command: "33-destroy", to: "33", config: { label: "b" }, live: "2" },
];

describe("offline-engine goes on from the CLI's states", function () {
    this.timeout(120_000);
    let project: OracleProject;
    beforeEach(() => {
        project = new OracleProject();
    });
    afterEach(() => {
        project.remove();
    });

    const json = (text: string): Promise<unknown> => normaliseJson(text, project.dir, passphrase);

    for (const { from, command, to, config, live } of continuations)
        it(`${from}-state.json, then ${command}`, async () => {
            const recording = recordingOf(command);
            project.continueFrom(`${from}-state.json`);
            project.config(config ?? {});
            project.live(live);
            const { code, stdout } = await project.replay(recording);
            assert.equal(normaliseOutput(stdout, project.dir), normaliseOutput(recording.output, project.dir));
            assert.equal(code, recording.code);
            if (!["up", "refresh", "destroy"].includes(recording.args[0] ?? ""))
                assert.equal(project.checkpoint, recorded(`${from}-state.json`).replaceAll("DIR", project.dir));
            assert.deepEqual(await json(project.checkpoint), await json(recorded(`${to}-state.json`)));
        });
});
