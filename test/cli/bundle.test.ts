import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
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

    const changed = (name: string, change: (content: Buffer) => Buffer): void => {
        const file = path.join(folder, name);
        writeFileSync(file, change(readFileSync(file)));
    };

    for (const [what, change] of Object.entries<() => void>({
        "without compiled code": () => {
            rmSync(path.join(folder, codeFile));
        },
        "with the compiled code of another bundle, as long as this one": () => {
            changed(bundleFile, (text) =>
                Buffer.from(
                    text
                        .toString("latin1")
                        .replace(`"node_modules/commander/index.js"`, `"node_modules/commander/INDEX.js"`),
                    "latin1",
                ),
            );
        },
        "with compiled code that ends too soon": () => {
            changed(codeFile, (code) => code.subarray(0, 50_000));
        },
        "with compiled code of which a bit has turned": () => {
            changed(codeFile, (code) => {
                const middle = code.length >> 1;
                code[middle] = (code[middle] ?? 0) ^ 1;
                return code;
            });
        },
        "with compiled code of which a page was lost": () => {
            changed(codeFile, (code) => code.fill(0, 40_960, 45_056));
        },
        "with code that is none": () => {
            changed(codeFile, () => Buffer.from("nonsense"));
        },
        "with an empty file for code": () => {
            changed(codeFile, () => Buffer.alloc(0));
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

    it("gets its compiled code when the package is installed, which never fails for it", () => {
        const install = (): { status: number | null; stderr: string } => {
            const { scripts } = require("../../../package.json") as { scripts: { postinstall: string } };
            return spawnSync(scripts.postinstall, {
                shell: true,
                cwd: place,
                encoding: "utf8",
                env: { ...process.env, npm_lifecycle_event: "postinstall" },
            });
        };
        rmSync(path.join(folder, codeFile));
        assert.equal(install().status, 0);
        assert.equal(openBundle(folder)?.isCompiled, true);

        rmSync(path.join(folder, codeFile));
        mkdirSync(path.join(folder, codeFile));
        const { status, stderr } = install();
        assert.equal(status, 0);
        assert.match(stderr, /^The command will take longer to start: .*EISDIR/);

        // As in a checkout that is not built yet.
        rmSync(path.join(place, "dist"), { recursive: true });
        const unbuilt = install();
        assert.deepEqual([unbuilt.status, unbuilt.stderr], [0, ""]);
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
        const text = readFileSync(file, "latin1").replaceAll(`version:"${version}"`, 'version:"bundled"');
        writeFileSync(file, text, "latin1");
        assert.equal((await outputs()).version, "bundled\n");
    });
});
