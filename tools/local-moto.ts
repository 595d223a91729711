import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { freePort } from "./local-postgres";
import { root } from "./pg-binaries";
import { hasCommand, lastLine } from "./process";
import { type Capability, ready } from "./capability";
import { startProcess, until } from "./server-process";

const version = "5.2.5";
const folder = path.join(root, ".cache", `moto-${version}`);
const program = path.join(folder, "bin", "moto_server");

/**
 * A stand-in for AWS: knows RDS, STS, and those settings of S3's buckets that no real server here has. Objects and
 * everything that concerns data are tried on the real S3 server.
 */
export const awsStandIn: Capability = {
    name: "AWS stand-in (moto)",
    budget: 180,
    prepare: () => {
        if (existsSync(path.join(folder, "complete"))) return ready;
        if (!hasCommand("python3", ["-c", "import venv, ensurepip"]))
            return { state: "absent", why: "python3 with venv is not there" };
        mkdirSync(path.dirname(folder), { recursive: true });
        try {
            // A virtual environment holds its own path, so it is made where it stays; the last thing made says it is whole.
            execFileSync("python3", ["-m", "venv", "--clear", folder], { stdio: ["ignore", "ignore", "pipe"] });
            const install = ["install", "--quiet", "--disable-pip-version-check", `moto[server]==${version}`];
            execFileSync(path.join(folder, "bin", "pip"), install, { stdio: ["ignore", "ignore", "pipe"] });
            mkdirSync(path.join(folder, "complete"));
            return ready;
        } catch (error) {
            rmSync(folder, { recursive: true, force: true });
            return { state: "failed", why: `moto could not be installed: ${lastLine(error)}` };
        }
    },
};

export interface LocalMoto {
    /** `http://127.0.0.1:PORT`, for every service; any credentials do. */
    readonly endpoint: string;
    stop(): Promise<void>;
}

/** Starts the stand-in on a free port and waits until it answers. Its capability was prepared. */
export async function startMoto(): Promise<LocalMoto> {
    const home = await mkdtemp(path.join(os.tmpdir(), "schemaward-moto-"));
    const port = await freePort();
    const endpoint = `http://127.0.0.1:${port}`;
    const moto = startProcess(program, ["-H", "127.0.0.1", "-p", String(port)], { cwd: home });
    await until(moto, async () => (await fetch(`${endpoint}/moto-api/data.json`)).ok);
    return {
        endpoint,
        stop: async () => {
            await moto.end("SIGTERM");
            await rm(home, { recursive: true, force: true });
        },
    };
}
