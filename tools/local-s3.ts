import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { buildGoPrograms, goProgramsFolder, type GoPrograms } from "./go-programs";
import { freePort } from "./local-postgres";
import type { Capability } from "./capability";
import { type ServerProcess, startProcess, until } from "./server-process";

const programs: GoPrograms = {
    name: "versitygw",
    from: { version: "v1.8.0" },
    programs: { versitygw: "github.com/versity/versitygw/cmd/versitygw" },
};

/** An S3 server that keeps objects in a folder. About a minute to build on 2 cores. */
export const s3Server: Capability = {
    name: "S3 server (versitygw)",
    budget: 300,
    prepare: () => buildGoPrograms(programs),
};

/** A running S3 server of one's own. */
export interface LocalS3 {
    /** `http://127.0.0.1:PORT`; buckets by path. */
    readonly endpoint: string;
    /** The same data by HTTPS, where that was asked for. */
    readonly secure: { readonly endpoint: string; /** PEM */ readonly ca: string } | undefined;
    readonly region: string;
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    /** The folder of all its files; a bucket is a folder in `data`. */
    readonly home: string;
    readonly pid: number;
    /** Makes a user, who may do what bucket policies give. */
    createUser(name: string): Promise<{ readonly accessKeyId: string; readonly secretAccessKey: string }>;
    /** Ends it and removes its files. */
    stop(): Promise<void>;
    /** Kills it as a power cut would. */
    kill(): Promise<void>;
    /** Starts it again on the same port and data after `kill`. */
    restart(): Promise<void>;
}

/**
 * Starts an S3 server on a free port and waits until it answers. Its capability was prepared.
 * @param options `tls`: serves the same data by HTTPS as well; needs openssl
 */
export async function startS3(options: { readonly tls?: boolean } = {}): Promise<LocalS3> {
    const home = await mkdtemp(path.join(os.tmpdir(), "schemaward-s3-"));
    const inside = (name: string): string => path.join(home, name);
    for (const folder of ["data", "iam", "versions"]) await mkdir(inside(folder));
    const program = path.join(goProgramsFolder(programs), "versitygw");
    const accessKeyId = "schemaward";
    const secretAccessKey = randomBytes(20).toString("hex");
    const region = "us-east-1";
    // The keys in the environment: arguments stand in the process list.
    const env = { ROOT_ACCESS_KEY_ID: accessKeyId, ROOT_SECRET_ACCESS_KEY: secretAccessKey };
    const launch = async (port: number, tls: readonly string[]): Promise<ServerProcess> => {
        const server = startProcess(
            program,
            [
                ...["--port", `127.0.0.1:${port}`, "--region", region, "--iam-dir", inside("iam"), ...tls],
                ...["posix", "--versioning-dir", inside("versions"), inside("data")],
            ],
            { cwd: home, env },
        );
        await until(server, () => listens(port));
        return server;
    };
    const port = await freePort();
    const endpoint = `http://127.0.0.1:${port}`;
    let running = await launch(port, []);
    const secure = options.tls === true ? await makeCertificate(home) : undefined;
    const securePort = secure === undefined ? 0 : await freePort();
    const second = secure === undefined ? undefined : await launch(securePort, secure.flags);
    return {
        endpoint,
        secure: secure === undefined ? undefined : { endpoint: `https://127.0.0.1:${securePort}`, ca: secure.ca },
        region,
        accessKeyId,
        secretAccessKey,
        home,
        get pid() {
            return running.pid;
        },
        createUser: async (name) => {
            const user = { accessKeyId: name, secretAccessKey: randomBytes(20).toString("hex") };
            const create = ["create-user", "--access", name, "--secret", user.secretAccessKey, "--role", "user"];
            const admin = { ADMIN_ACCESS_KEY: accessKeyId, ADMIN_SECRET_KEY: secretAccessKey };
            const connect = ["admin", "--region", region, "--endpoint-url", endpoint];
            await promisify(execFile)(program, [...connect, ...create], { env: { ...process.env, ...admin } });
            return user;
        },
        stop: async () => {
            await second?.end("SIGTERM");
            await running.end("SIGTERM");
            await rm(home, { recursive: true, force: true });
        },
        kill: () => running.end("SIGKILL"),
        restart: async () => {
            running = await launch(port, []);
        },
    };
}

async function listens(port: number): Promise<boolean> {
    const socket = net.connect(port, "127.0.0.1");
    try {
        await once(socket, "connect");
        return true;
    } finally {
        socket.destroy();
    }
}

async function makeCertificate(home: string): Promise<{ readonly flags: readonly string[]; readonly ca: string }> {
    const [cert, key] = [path.join(home, "tls.crt"), path.join(home, "tls.key")];
    await promisify(execFile)("openssl", [
        ...["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", key, "-out", cert],
        ...["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"],
    ]);
    return { flags: ["--cert", cert, "--key", key], ca: await readFile(cert, "utf8") };
}
