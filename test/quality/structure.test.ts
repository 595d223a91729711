import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { root } from "../../tools/pg-binaries";

/** What each room may import from, besides itself and packages: arrows point down only. For rooms outside of it, `core` is all of the core. */
const allowed: Readonly<Record<string, readonly string[]>> = {
    components: ["core", "dynamic-providers", "stacks"],
    "dynamic-providers": ["core"],
    stacks: ["core"],
    cli: ["core", "stacks"],
    "offline-engine": [],
    core: [],
    "core/run": [
        "core/plan",
        "core/policy",
        "core/traffic",
        "core/snapshots",
        "core/history",
        "core/migrations",
        "core/sql",
        "core",
    ],
    "core/plan": [
        "core/policy",
        "core/traffic",
        "core/snapshots",
        "core/history",
        "core/migrations",
        "core/sql",
        "core",
    ],
    "core/snapshots": ["core/sql", "core"],
    "core/history": ["core/sql", "core"],
    "core/migrations": ["core"],
    "core/traffic": ["core"],
    "core/policy": ["core"],
    "core/sql": ["core"],
};

function filesOf(folder: string): string[] {
    return readdirSync(path.join(root, folder), { withFileTypes: true }).flatMap((entry) => {
        const file = `${folder}/${entry.name}`;
        if (entry.isDirectory()) return filesOf(file);
        return entry.name.endsWith(".ts") ? [file] : [];
    });
}

/** `core/plan/build.ts` → `core/plan`; `core/errors.ts` → `core`; `cli/main.ts` → `cli`. */
function roomOf(file: string): string {
    const folder = path.posix.dirname(file);
    const rooms = Object.keys(allowed).filter((room) => folder === room || folder.startsWith(`${room}/`));
    return rooms.sort((a, b) => b.length - a.length)[0] ?? folder;
}

function importsOf(file: string): string[] {
    const text = readFileSync(path.join(root, file), "utf8");
    return [...text.matchAll(/(?:\bfrom |\bimport\(|\brequire\(|\bimport )"(\.[^"]+(?<!\.json))"/g)].map(
        ([, target = ""]) => path.posix.join(path.posix.dirname(file), target),
    );
}

const sources = ["components", "dynamic-providers", "stacks", "cli", "offline-engine", "core"].flatMap(filesOf);

describe("structure", () => {
    it("arrows point down only", () => {
        const wrong = sources.flatMap((file) => {
            const room = roomOf(file);
            const may = (target: string): boolean =>
                target === room ||
                (allowed[room] ?? []).includes(target) ||
                (!room.startsWith("core") && target.startsWith("core/") && (allowed[room] ?? []).includes("core"));
            return importsOf(file)
                .filter((target) => !may(roomOf(target)))
                .map((target) => `${file} imports ${target}`);
        });
        assert.deepEqual(wrong, []);
    });

    it("the core knows nothing of Pulumi", () => {
        const wrong = sources.filter(
            (f) => f.startsWith("core/") && readFileSync(path.join(root, f), "utf8").includes('from "@pulumi/'),
        );
        assert.deepEqual(wrong, []);
    });

    it("no file imports itself through others", () => {
        const targets = new Map(
            sources.map((file) => [
                file,
                importsOf(file).map((t) => (sources.includes(`${t}.ts`) ? `${t}.ts` : t.replace(/\.js$/, ".ts"))),
            ]),
        );
        const circles: string[] = [];
        const done = new Set<string>();
        const visit = (file: string, trail: readonly string[]): void => {
            if (trail.includes(file)) {
                circles.push([...trail.slice(trail.indexOf(file)), file].join(" → "));
                return;
            }
            if (done.has(file)) return;
            for (const target of targets.get(file) ?? []) visit(target, [...trail, file]);
            done.add(file);
        };
        for (const file of sources) visit(file, []);
        assert.deepEqual(circles, []);
    });
});
