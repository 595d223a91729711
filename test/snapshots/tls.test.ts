import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { openDatabase } from "../../core/connection";
import { BadInputError, FailedError } from "../../core/errors";
import { openStore } from "../../core/snapshots/stores";
import { takeSnapshot } from "../../core/snapshots/take";
import { verifySnapshot } from "../../core/snapshots/verify";
import { request } from "./fixture";
import { eventually } from "../support/eventually";
import { startTestServer, type TestServer } from "../support/postgres";
import { skip } from "../support/skip";

const run = promisify(execFile);

describe("a server that is reached by verified TLS", function () {
    this.timeout(60_000);
    let server: TestServer;
    let folder: string;
    let certificate: string;
    let stranger: string;

    before(async function () {
        server = await startTestServer();
        folder = await mkdtemp(path.join(os.tmpdir(), "schemaward-tls-"));
        const [library] = await rowsOf<{ ssl_library: string }>("SHOW ssl_library");
        if (library?.ssl_library === "") skip(this, "this PostgreSQL is built without TLS");
        const openssl = await run("openssl", ["version"]).then(
            () => true,
            () => false,
        );
        if (!openssl) skip(this, "no openssl, which makes certificates");
        certificate = await makeCertificate("server");
        stranger = await makeCertificate("stranger");
        await install("server.crt", await readFile(certificate, "utf8"));
        await install("server.key", await readFile(path.join(folder, "server.key"), "utf8"));
        await rowsOf("ALTER SYSTEM SET ssl = on");
        await rowsOf("SELECT pg_reload_conf()");
        await eventually(async () => {
            const [shown] = await rowsOf<{ ssl: string }>("SHOW ssl");
            return shown?.ssl === "on";
        }, "the server speaks TLS");
    });
    after(async () => {
        await server.stop();
        await rm(folder, { recursive: true, force: true });
    });

    async function rowsOf<T extends object>(sql: string): Promise<T[]> {
        return server.withClient("postgres", async (client) => (await client.query<T>(sql)).rows);
    }

    async function makeCertificate(name: string): Promise<string> {
        const file = path.join(folder, `${name}.crt`);
        const keys = ["-newkey", "rsa:2048", "-nodes", "-keyout", path.join(folder, `${name}.key`)];
        const names = ["-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1"];
        await run("openssl", ["req", "-x509", "-days", "2", ...keys, ...names, "-out", file]);
        return file;
    }

    /** The server may run as another user, whose file a key has to be. */
    async function install(name: string, text: string): Promise<void> {
        await rowsOf(`COPY (SELECT line FROM unnest(string_to_array('${text.trim()}', E'\\n')) AS line)
            TO PROGRAM 'umask 077; cat > ${name}'`);
    }

    function url(mode: string, root?: string): string {
        const found = new URL(server.url("postgres"));
        found.search = "";
        found.searchParams.set("sslmode", mode);
        if (root !== undefined) found.searchParams.set("sslrootcert", root);
        return found.toString();
    }

    it("is snapshotted over TLS, which pg_dump verifies with the URL's certificate", async () => {
        for (const mode of ["verify-full", "verify-ca"]) {
            const database = openDatabase({ url: url(mode, certificate) });
            assert.equal((await database.libpq())["PGSSLMODE"], mode);
            const store = openStore(`file://${folder}/${mode}`, "/");
            const manifest = await takeSnapshot(request(database, store));
            await verifySnapshot(store, manifest.name);
        }
    });

    it("is dumped with the certificates that Node trusts where the URL names none; they are in no file afterwards", async () => {
        const { stdout } = await run(process.execPath, [path.join(__dirname, "tls-process.js"), server.binaries.dir], {
            env: { ...process.env, DATABASE_URL: url("verify-full"), NODE_EXTRA_CA_CERTS: certificate },
        });
        const { dumped, roots } = JSON.parse(stdout) as { dumped: string; roots: string };
        assert.match(dumped, /PostgreSQL database dump complete/);
        assert(!existsSync(roots));
    });

    it("is refused with a certificate that another authority made, and with a file that is not there", async () => {
        await assert.rejects(openDatabase({ url: url("verify-full", stranger) }).connect("test"), (error) => {
            assert(error instanceof FailedError);
            assert.match(error.message, /certificate/);
            return true;
        });
        await assert.rejects(openDatabase({ url: url("verify-full", "/nowhere/ca.pem") }).connect("test"), (error) => {
            assert(error instanceof BadInputError);
            assert.match(error.message, /\/nowhere\/ca\.pem \(ENOENT\)/);
            return true;
        });
    });
});
