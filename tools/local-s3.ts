import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { buildGoPrograms, goProgramsFolder, type GoPrograms } from "./go-programs";
import { freePort } from "./local-postgres";
import type { Capability } from "./prepare";
import { startProcess, until } from "./processes";

const programs: GoPrograms = {
    name: "versitygw",
    from: { version: "v1.8.0" },
    programs: { versitygw: "github.com/versity/versitygw/cmd/versitygw" },
};

/** An S3 server that keeps objects in a folder. About a minute to build on 2 cores. */
export const s3Server: Capability = { name: "S3 server (versitygw)", prepare: () => buildGoPrograms(programs) };

/** A running S3 server of one's own. */
export interface LocalS3 {
    /** `http://127.0.0.1:PORT`; buckets by path. */
    readonly endpoint: string;
    readonly region: string;
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    /** The folder of all its files; a bucket is a folder in `data`. */
    readonly home: string;
    readonly pid: number;
    /** Ends it and removes its files. */
    stop(): Promise<void>;
    /** Kills it as a power cut would. */
    kill(): Promise<void>;
    /** Starts it again on the same port and data after `kill`. */
    restart(): Promise<void>;
}

/** Starts an S3 server on a free port and waits until it answers. Its capability was prepared. */
export async function startS3(): Promise<LocalS3> {
    const home = await mkdtemp(path.join(os.tmpdir(), "schemaward-s3-"));
    const folders = {
        data: path.join(home, "data"),
        iam: path.join(home, "iam"),
        versions: path.join(home, "versions"),
    };
    for (const folder of Object.values(folders)) await mkdir(folder);
    const port = await freePort();
    const endpoint = `http://127.0.0.1:${port}`;
    const accessKeyId = "schemaward";
    const secretAccessKey = randomBytes(20).toString("hex");
    const region = "us-east-1";
    const launch = async () => {
        const server = startProcess(
            path.join(goProgramsFolder(programs), "versitygw"),
            [
                ...["--port", `127.0.0.1:${port}`, "--region", region, "--iam-dir", folders.iam],
                ...["posix", "--versioning-dir", folders.versions, folders.data],
            ],
            // The keys in the environment: arguments stand in the process list.
            { cwd: home, env: { ROOT_ACCESS_KEY_ID: accessKeyId, ROOT_SECRET_ACCESS_KEY: secretAccessKey } },
        );
        await until(server, async () => (await fetch(endpoint)).status > 0);
        return server;
    };
    let running = await launch();
    return {
        endpoint,
        region,
        accessKeyId,
        secretAccessKey,
        home,
        get pid() {
            return running.pid;
        },
        stop: async () => {
            await running.end("SIGTERM");
            await rm(home, { recursive: true, force: true });
        },
        kill: () => running.end("SIGKILL"),
        restart: async () => {
            running = await launch();
        },
    };
}
