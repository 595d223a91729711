import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { type CommandResult, startCommand } from "../support/command";

/** All that the stand-in offers. Whatever is not here is refused, so a new entry needs a test of what it does. */
const offered: Readonly<Record<string, readonly string[]>> = {
    preview: ["--stack", "--diff", "--expect-no-changes", "--json"],
    up: ["--stack", "--diff", "--yes", "--skip-preview", "--expect-no-changes"],
    refresh: ["--stack", "--diff", "--yes", "--skip-preview", "--expect-no-changes", "--preview-only"],
    destroy: ["--stack", "--diff", "--yes", "--skip-preview", "--preview-only"],
    cancel: ["--stack", "--yes"],
    "stack init": ["--no-select"],
    "stack ls": ["--json"],
    "stack select": [],
    "stack output": ["--stack", "--json", "--show-secrets"],
    "stack export": ["--stack"],
    "config set": ["--stack", "--secret", "--plaintext", "--path"],
    "config get": ["--stack", "--json", "--path"],
};

const operands: Readonly<Record<string, readonly string[]>> = {
    "stack init": ["dev"],
    "stack select": ["dev"],
    "config set": ["key", "value"],
    "config get": ["key"],
};

/** Options that people expect everywhere; where one is not offered it must not be taken and forgotten. */
const expected = ["--stack", "--yes", "--json", "--expect-no-changes"];

/** Options of the CLI's up that would change what is done. */
const notHere = [
    ...["--target", "--exclude", "--replace", "--refresh", "--run-program", "--config", "--parallel"],
    ...["--continue-on-error", "--policy-pack", "--plan", "--cwd", "--secrets-provider"],
];

describe("what offline-engine offers", function () {
    this.timeout(60_000);
    /** Without a project: a command whose options are right says so, and nothing else happens. */
    let empty: string;
    before(() => {
        empty = mkdtempSync(path.join(tmpdir(), "schemaward-help-"));
    });
    after(() => {
        rmSync(empty, { recursive: true });
    });

    function run(...args: readonly string[]): Promise<CommandResult> {
        return startCommand("offline-engine/main.js", args, { cwd: empty }).done;
    }

    /** What a section of a help text lists: the first word of each line, aliases as words of their own. */
    async function listed(section: "Options" | "Commands", ...command: readonly string[]): Promise<string[][]> {
        const { code, stdout } = await run(...command, "--help");
        assert.equal(code, 0);
        const body = new RegExp(`^${section}:\\n((?: .+\\n)*)`, "m").exec(stdout)?.[1] ?? "";
        return body
            .split("\n")
            .flatMap((line) => /^ {2}(-\w, --[\w-]+|[\w|-]+)/.exec(line)?.[1] ?? [])
            .map((words) => words.split(/, |\|/))
            .filter(([word]) => word !== "help" && word !== "-h");
    }

    function accepts({ code, stderr }: CommandResult): void {
        assert.match(stderr, /^error: no Pulumi\.yaml project file found/);
        assert.equal(code, 1);
    }

    function refuses(option: string, { code, stdout, stderr }: CommandResult): void {
        assert.match(stderr, new RegExp(`^error: unknown option '${option}'`));
        assert.deepEqual([code, stdout], [1, ""]);
    }

    it("the commands of --help", async () => {
        const top = (await listed("Commands")).map((names) => names.at(-1) ?? "");
        const all: string[] = [];
        for (const name of top) {
            const below = await listed("Commands", name);
            const first = name === "update" ? "up" : name;
            all.push(...(below.length === 0 ? [first] : below.map(([sub = ""]) => `${first} ${sub}`)));
        }
        assert.deepEqual(all.sort(), Object.keys(offered).sort());
        assert.deepEqual(await listed("Options"), [["--color"], ["--non-interactive"]]);
    });

    it("aliases are the same commands", async () => {
        assert.deepEqual(await listed("Options", "update"), await listed("Options", "up"));
        assert.deepEqual(await listed("Options", "stack", "list"), await listed("Options", "stack", "ls"));
    });

    it("without a command, or with half of one, it only says what there is", async () => {
        for (const args of [[], ["stack"], ["config"]]) {
            const { code, stdout, stderr } = await run(...args);
            assert.equal(code, 1);
            assert.equal(stdout, "");
            assert.match(stderr, /^Usage: /);
        }
    });

    for (const [name, options] of Object.entries(offered)) {
        const command = name.split(" ");
        const given = operands[name] ?? [];
        const withValue = (option: string): string[] => (option === "--stack" ? [option, "dev"] : [option]);

        it(`${name}: takes the options that its --help lists, and no others`, async () => {
            const inHelp = await listed("Options", ...command);
            assert.deepEqual(inHelp.map((names) => names.at(-1)).sort(), [...options].sort());

            accepts(await run(...command, ...given, ...options.flatMap(withValue)));
            const short = inHelp.flatMap((names) => (names.length > 1 ? (names[0] ?? []) : []));
            accepts(await run(...command, ...given, ...short.flatMap((s) => (s === "-s" ? [s, "dev"] : [s]))));

            const others = expected.filter((option) => !options.includes(option));
            const refused = await Promise.all(others.map((option) => run(...command, ...given, ...withValue(option))));
            refused.forEach((result, i) => {
                refuses(others[i] ?? "", result);
            });
        });
    }

    it("up refuses the CLI's options it does not know, each by name", async () => {
        for (const option of notHere) refuses(option, await run("up", "--yes", option, "x"));
    });

    for (const args of [["import"], ["logs"], ["stack", "rm"], ["stack", "import"], ["config", "rm"]])
        it(`${args.join(" ")} is refused by name`, async () => {
            const { code, stdout, stderr } = await run(...args);
            assert.match(stderr, new RegExp(`^error: unknown command '${args.at(-1) ?? ""}'`));
            assert.deepEqual([code, stdout], [1, ""]);
        });
});
