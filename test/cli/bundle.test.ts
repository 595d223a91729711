import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { bundleFile, codeFile, openBundle } from "../../cli/bundle";
import { root } from "../../tools/pg-binaries";
import { startProcess } from "../support/command";

describe("the command's bundle", function () {
    this.timeout(60_000);
    const built = path.join(root, "dist", "cli");
    let place: string;
    let folder: string;

    /** Copies the command, as an installed package has it, to change it. */
    beforeEach(() => {
        place = mkdtempSync(path.join(os.tmpdir(), "schemaward-bundle-"));
        folder = path.join(place, "dist", "cli");
        cpSync(path.join(root, "dist"), path.join(place, "dist"), {
            recursive: true,
            filter: (file) => !/[/\\]dist[/\\](?:test|bench|tools)$/.test(file),
        });
        cpSync(path.join(root, "package.json"), path.join(place, "package.json"));
        symlinkSync(path.join(root, "node_modules"), path.join(place, "node_modules"), "junction");
    });

    afterEach(() => {
        rmSync(place, { recursive: true });
    });

    async function outputs(): Promise<{ version: string; help: string; validated: string; code: number | null }> {
        const [version, help, validated] = await Promise.all(
            [
                ["--version"],
                ["plan", "--help"],
                ["validate", "--dir", path.join(root, "examples", "physioflow", "db", "migrations")],
            ].map(
                (args) => startProcess(process.execPath, [path.join(folder, "main.js"), ...args], { cwd: place }).done,
            ),
        );
        return {
            version: version?.stdout ?? "",
            help: help?.stdout ?? "",
            validated: validated?.stdout ?? "",
            code: (version?.code ?? 9) + (help?.code ?? 9) + (validated?.code ?? 9),
        };
    }

    it("is compiled already, for this V8", () => {
        assert.equal(openBundle(built)?.isCompiled, true);
        assert.equal(openBundle(folder)?.isCompiled, true);
    });

    for (const [what, change] of Object.entries<() => void>({
        "without compiled code": () => {
            rmSync(path.join(folder, codeFile));
        },
        "with the compiled code of another bundle": () => {
            // As long as this one, which is all that V8 looks at.
            const file = path.join(folder, bundleFile);
            const text = readFileSync(file, "latin1");
            writeFileSync(file, `${text.slice(0, 3)}${"0".repeat(64)}${text.slice(67)}`, "latin1");
        },
        "with compiled code that ends too soon": () => {
            const file = path.join(folder, codeFile);
            const code = readFileSync(file);
            writeFileSync(file, Buffer.concat([code.subarray(0, 50_000), code.subarray(-64)]));
        },
        "with code that is none": () => {
            const id = readFileSync(path.join(folder, bundleFile), "latin1").slice(3, 67);
            writeFileSync(path.join(folder, codeFile), `nonsense${id}`);
        },
    }))
        it(`${what} runs as well`, async () => {
            const whole = await outputs();
            assert.equal(whole.code, 0);
            assert.match(whole.help, /--to <version>/);
            assert.match(whole.validated, /27 migrations/);
            change();
            assert.equal(openBundle(folder)?.isCompiled, false);
            assert.deepEqual(await outputs(), whole);
        });

    it("is not needed: the command runs from its files, too", async () => {
        const whole = await outputs();
        rmSync(path.join(folder, bundleFile));
        assert.equal(openBundle(folder), undefined);
        assert.deepEqual(await outputs(), whole);
    });

    it("is what runs where it is there", async () => {
        const { version } = require("../../../package.json") as { version: string };
        const file = path.join(folder, bundleFile);
        const text = readFileSync(file, "latin1").replaceAll(`version: "${version}"`, 'version: "bundled"');
        writeFileSync(file, text, "latin1");
        assert.equal((await outputs()).version, "bundled\n");
    });
});
