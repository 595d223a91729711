import assert from "node:assert/strict";
import { OracleProject } from "./oracle";

describe("stacks and their configuration", function () {
    this.timeout(60_000);
    let project: OracleProject;
    before(() => {
        project = new OracleProject();
        project.continueFrom("23-state.json");
        project.config({ label: "b" });
    });
    after(() => {
        project.remove();
    });

    async function said(...args: readonly string[]): Promise<string> {
        const { stdout, stderr } = await project.must(...args);
        assert.equal(stderr, "");
        return stdout;
    }

    function file(): string {
        return project.read("stacks/Pulumi.dev.yaml");
    }

    it("init selects the stack it makes, unless told not to", async () => {
        await said("stack", "select", "dev");
        await said("stack", "init", "quiet", "--no-select");
        assert.match(await said("stack", "ls"), /^dev\* +\S.*\nquiet +\S/m);
        await said("stack", "init", "loud");
        assert.match(await said("stack", "ls"), /^loud\* /m);
        assert.deepEqual(
            (JSON.parse(await said("stack", "ls", "--json")) as { name: string; current: boolean }[]).map((s) => [
                s.name,
                s.current,
            ]),
            [
                ["dev", false],
                ["loud", true],
                ["quiet", false],
            ],
        );
    });

    it("the selected stack is what commands are about, another one if it is named", async () => {
        await said("stack", "select", "organization/oracle/dev");
        assert.equal(await said("config", "get", "target"), "2\n");
        const { code, stderr } = await project.run("config", "get", "target", "--stack", "loud");
        assert.equal(code, 1);
        assert.equal(stderr, "error: configuration key 'target' not found for stack 'loud'\n");
        await said("config", "set", "target", "7", "-s", "loud");
        assert.equal(await said("config", "get", "target"), "2\n");
        assert.equal(await said("config", "get", "target", "-s", "loud"), "7\n");
        project.env["PULUMI_STACK"] = "loud";
        assert.equal(await said("config", "get", "target"), "7\n");
        delete project.env["PULUMI_STACK"];
    });

    it("one output, and all of them", async () => {
        assert.equal(await said("stack", "output", "version"), "2\n");
        assert.equal(await said("stack", "output", "version", "--json"), '"2"\n');
        assert.equal(await said("stack", "output", "password"), "[secret]\n");
        assert.equal(
            await said("stack", "output"),
            "Current stack outputs (2):\n    OUTPUT    VALUE\n    password  [secret]\n    version   2\n",
        );
        const { code, stderr } = await project.run("stack", "output", "nothing");
        assert.deepEqual([code, stderr], [1, "error: current stack does not have output property 'nothing'\n"]);
        assert.match(await said("stack", "output", "--stack", "loud"), /No output values currently in this stack/);
    });

    it("config set keeps what else is in the file, comments included", async () => {
        project.write("stacks/Pulumi.dev.yaml", `# ours\n${file()}  other:key: 1 # theirs\n`);
        const before = file();
        await said("config", "set", "label", "c");
        assert.equal(file(), before.replace("oracle:label: b", "oracle:label: c"));
        await said("config", "set", "--plaintext", "other:key", "024");
        assert.match(file(), /^ {2}other:key: "024" # theirs$/m);
        assert.equal(await said("config", "get", "other:key"), "024\n");
    });

    it("config set --path goes into mappings and lists", async () => {
        await said("config", "set", "--path", "policy.maxRowsLost", "12000");
        await said("config", "set", "--path", "policy.names[0]", "a b");
        await said("config", "set", "--path", "--secret", "policy.token", "hidden");
        assert.match(file(), /^ {2}oracle:policy:\n {4}maxRowsLost: 12000\n {4}names:\n {6}- a b\n {4}token:\n/m);
        assert.equal(await said("config", "get", "--path", "policy.names[0]"), "a b\n");
        assert.equal(await said("config", "get", "policy"), '{"maxRowsLost":12000,"names":["a b"],"token":"hidden"}\n');
        assert.deepEqual(JSON.parse(await said("config", "get", "--json", "policy")), {
            value: '{"maxRowsLost":12000,"names":["a b"],"token":"hidden"}',
            objectValue: { maxRowsLost: 12000, names: ["a b"], token: "hidden" },
            secret: true,
        });
        assert.deepEqual(JSON.parse(await said("config", "get", "--json", "target")), { value: "2", secret: false });
    });

    it("a key that is no key, and one that is not there", async () => {
        const odd = await project.run("config", "set", "a:b:c", "x");
        assert.equal(odd.code, 1);
        assert.match(odd.stderr, /^error: could not parse a:b:c as a configuration key/);
        const none = await project.run("config", "get", "none");
        assert.deepEqual([none.code, none.stderr], [1, "error: configuration key 'none' not found for stack 'dev'\n"]);
    });
});
