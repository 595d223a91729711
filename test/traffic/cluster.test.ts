import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import tls from "node:tls";
import { inspect } from "node:util";
import { BadInputError, RefusedError } from "../../core/errors";
import { type Cluster, ClusterSilent, openCluster } from "../../core/traffic/cluster";
import { freePort } from "../../tools/local-postgres";
import { withControlPlane } from "../support/control-plane";
import { FaultyApi } from "../support/faulty-api";

describe("cluster: a login to a real API server, through all that can fail on the way", function () {
    this.timeout(30_000);
    const plane = withControlPlane(["nobody"]);
    let api: FaultyApi;
    let namespace: string;
    const opened: Cluster[] = [];

    before(async () => {
        api = await FaultyApi.start(plane().kubernetes);
        namespace = await plane().namespace();
    });
    after(async () => api.stop());
    beforeEach(() => {
        api.reset();
    });
    afterEach(() => {
        for (const cluster of opened.splice(0)) cluster.close();
    });

    async function open(settings: Parameters<typeof openCluster>[0], seconds = 10): Promise<Cluster> {
        const cluster = await openCluster({ patienceSeconds: seconds, ...settings });
        opened.push(cluster);
        return cluster;
    }

    const through = async (seconds?: number, user = "admin"): Promise<Cluster> =>
        open({ kubeconfig: api.kubeconfig(user) }, seconds);
    const here = (): string => `/api/v1/namespaces/${namespace}`;
    const maps = (): string => `${here()}/configmaps`;

    async function map(name: string): Promise<string> {
        await plane().ask("POST", maps(), {
            apiVersion: "v1",
            kind: "ConfigMap",
            metadata: { name },
            data: { a: "1" },
        });
        return `${maps()}/${name}`;
    }

    /** The error's whole text, with what has to hold of each: no token, and who did not answer. */
    async function errorOf<T>(
        promise: Promise<unknown>,
        type: abstract new (...args: never[]) => T,
        user = "admin",
    ): Promise<string> {
        const error = await promise.then(
            () => assert.fail("it has succeeded"),
            (e: unknown) => e,
        );
        assert(error instanceof type, String(error));
        // With its causes, and whatever else hangs on it.
        assert(!inspect(error, { depth: 10 }).includes(plane().kubernetes.token(user)), "the token is shown");
        return (error as Error).message;
    }

    async function timed<T>(work: () => Promise<T>): Promise<{ result: T; seconds: number }> {
        const started = performance.now();
        const result = await work();
        return { result, seconds: (performance.now() - started) / 1000 };
    }

    describe("that answers", () => {
        it("gets, lists and changes objects, as the field manager schemaward", async () => {
            const cluster = await open({ kubeconfig: plane().kubernetes.kubeconfig("admin") });
            assert.equal(cluster.server, plane().kubernetes.server);
            const url = await map("plain");
            const found = await cluster.get(url);
            assert.equal(found?.metadata.name, "plain");
            const { resourceVersion } = found.metadata;
            const body = { metadata: { resourceVersion }, data: { a: "2" } };
            const changed = await cluster.patch(url, "merge-patch", body);
            assert(typeof changed === "object");
            assert(changed.metadata.managedFields?.some((entry) => entry.manager === "schemaward"));
            assert.equal(await cluster.patch(url, "merge-patch", body), "conflict");
            const wrong = [{ op: "test", path: "/metadata/resourceVersion", value: resourceVersion }];
            assert.equal(await cluster.patch(url, "json-patch", wrong), "conflict");
        });

        it("tells what is not there from what does not answer", async () => {
            const cluster = await through();
            assert.equal(await cluster.get(`${maps()}/nothing`), undefined);
            assert.equal(await cluster.patch(`${maps()}/nothing`, "merge-patch", { data: {} }), undefined);
            assert.equal(await cluster.list("/apis/nobody.example/v1/namespaces/x/things"), undefined);
            assert.equal(await cluster.get("/apis/nobody.example/v1"), undefined);
            assert.deepEqual(await cluster.list("/apis/apps/v1/namespaces/nowhere/deployments"), []);
            assert.equal(api.seen.length, 5);
        });

        it("follows all pages of a list, and begins anew when the server has forgotten them", async () => {
            for (let i = 0; i < 7; i++) await map(`page-${i}`);
            const cluster = await through();
            const names = async (): Promise<string[]> =>
                ((await cluster.list(maps(), { limit: "3" })) ?? [])
                    .map(({ metadata }) => metadata.name)
                    .filter((name) => name.startsWith("page-"));
            const all = Array.from({ length: 7 }, (_, i) => `page-${i}`);
            assert.deepEqual(await names(), all);
            const pages = api.seen.length;
            assert(pages >= 3);
            api.reset();
            let told = false;
            api.fault = ({ url }) => {
                if (told || !url.includes("continue=")) return undefined;
                told = true;
                return {
                    status: 410,
                    body: '{"kind":"Status","message":"The provided continue parameter is too old"}',
                };
            };
            assert.deepEqual(await names(), all);
            assert.equal(api.seen.length, pages + 2);
        });

        it("says which of some rights a login lacks", async () => {
            const rights = (["get", "patch"] as const).map((verb) => ({
                ...{ verb, group: "apps", resource: "deployments/scale", namespace },
            }));
            assert.deepEqual(await (await through(10, "nobody")).missing(rights), rights);
            assert.deepEqual(await (await through()).missing(rights), []);
        });
    });

    describe("that does not answer at once", () => {
        for (const fault of [
            { status: 500 },
            { status: 503, body: '{"kind":"Status","message":"etcd is away"}' },
            { status: 504 },
            { status: 429 },
            { status: 404, body: "default backend - 404" },
            { status: 200, body: "<html>Log in</html>" },
            { status: 200, body: '{"kind":"Conf' },
            "cut",
            "lose-answer",
            "cut-answer",
        ] as const)
            it(`is asked again: ${typeof fault === "string" ? fault : `${fault.status} ${"body" in fault ? fault.body : ""}`}`, async () => {
                const cluster = await through();
                api.next(fault, fault);
                assert.equal((await cluster.get(here()))?.metadata.name, namespace);
                assert.equal(api.seen.length, 3);
            });

        it("is asked again on another connection when one hangs", async () => {
            const cluster = await through(2);
            api.next("hang");
            const { result, seconds } = await timed(async () => cluster.get(here()));
            assert.equal(result?.metadata.name, namespace);
            assert(seconds < 2, String(seconds));
        });

        it("is left alone for as long as it asks", async () => {
            const cluster = await through();
            api.next({ status: 429, headers: { "retry-after": "1" } });
            await cluster.get(here());
            const [first, second] = api.seen;
            assert(first !== undefined && second !== undefined && second.at - first.at >= 990);
        });

        it("is not left alone for longer than the patience", async () => {
            const cluster = await through(2);
            api.fault = () => ({ status: 429, headers: { "retry-after": "60" } });
            const { result, seconds } = await timed(async () => errorOf(cluster.get(here()), ClusterSilent));
            assert.match(result, /429.*60 s/);
            assert(seconds < 1, String(seconds));
        });

        it("a change that is lost on the way back is not taken for one of others", async () => {
            const cluster = await through();
            const url = await map("lost");
            api.next("lose-answer");
            assert(typeof (await cluster.patch(url, "merge-patch", { data: { a: "3" } })) === "object");
            assert.equal(((await cluster.get(url)) as unknown as { data: { a: string } }).data.a, "3");
        });

        it("asks again after a conflict over what does not hang on what it was like; else tells of it", async () => {
            const cluster = await through();
            await plane().deployment(namespace, "web", 1);
            const url = `/apis/apps/v1/namespaces/${namespace}/deployments/web`;
            const conflict = { status: 409, body: '{"kind":"Status","message":"the object has been modified"}' };
            api.next(conflict, conflict);
            assert(typeof (await cluster.patch(`${url}/scale`, "merge-patch", { spec: { replicas: 0 } })) === "object");
            assert.equal(await plane().replicas(namespace, "web"), 0);
            api.next(conflict);
            const guarded = { metadata: { resourceVersion: "1" } };
            assert.equal(await cluster.patch(url, "merge-patch", guarded), "conflict");
        });
    });

    describe("that does not answer at all", () => {
        for (const [fault, why] of [
            [{ status: 503, body: '{"kind":"Status","message":"etcd is away"}' }, /answers 503: etcd is away/],
            [{ status: 500 }, /answers 500: out of order/],
            [{ status: 404, body: "no such site" }, /something before it answers 404: no such site/],
            [{ status: 200, body: "<html>" }, /something before it answers 200/],
            ["cut", /socket hang up|ECONNRESET/],
            ["hang", /no answer within/],
        ] as const)
            it(`is given up after the patience: ${String(why)}`, async () => {
                const cluster = await through(1.2);
                api.fault = () => fault;
                const { result, seconds } = await timed(async () => errorOf(cluster.get(here()), ClusterSilent));
                assert.match(result, why);
                assert(result.includes(`GET ${here()}`) && result.includes(api.url), result);
                assert(seconds >= 1.1 && seconds < 2.2, String(seconds));
                assert(api.seen.length >= 2);
            });

        it("nobody at its port", async () => {
            const port = await freePort();
            const text = (all: string): string => all.replace(/server: .*/, `server: https://127.0.0.1:${port}`);
            const cluster = await open({ kubeconfig: api.kubeconfig("admin", text) }, 0.6);
            assert.match(await errorOf(cluster.list(maps()), ClusterSilent), /ECONNREFUSED/);
        });

        it("a token that its answer holds is not shown", async () => {
            const cluster = await through(0.5);
            const token = plane().kubernetes.token("admin");
            api.fault = () => ({ status: 500, body: `you said Bearer ${token}` });
            assert.match(await errorOf(cluster.get(here()), ClusterSilent), /you said Bearer •••/);
            api.fault = () => ({ status: 403, body: `you said Bearer ${token}` });
            assert.match(await errorOf(cluster.get(here()), RefusedError), /you said Bearer •••/);
        });
    });

    describe("that refuses", () => {
        it("403 names the right, and is not asked again", async () => {
            const cluster = await through(10, "nobody");
            const url = `/apis/apps/v1/namespaces/${namespace}/deployments`;
            assert.match(
                await errorOf(cluster.list(url), RefusedError, "nobody"),
                new RegExp(
                    `User "nobody" cannot list resource "deployments" in API group "apps" in the namespace "${namespace}"`,
                ),
            );
            assert.equal(api.seen.length, 1);
        });

        it("401 says that the login is not known, and is not asked for long", async () => {
            const token = plane().kubernetes.token("admin");
            const cluster = await open({
                kubeconfig: api.kubeconfig("admin", (all) => all.replace(token, `${token}x`)),
            });
            assert.match(await errorOf(cluster.get(here()), RefusedError), /Unauthorized: it does not know this login/);
            assert.equal(api.seen.length, 2);
        });

        it("what it says is wrong is passed on", async () => {
            const url = await map("wrong");
            const cluster = await through();
            const wrong = { metadata: { annotations: { "not a key": "x" } } };
            await assert.rejects(cluster.patch(url, "merge-patch", wrong), /refuses PATCH.*annotations.*\(422\)/s);
            assert.equal(api.seen.length, 1);
        });
    });

    describe("whose certificate", () => {
        const withCa = (ca: string) => (all: string) =>
            all.replace(
                /certificate-authority-data: \S+/,
                `certificate-authority-data: ${Buffer.from(ca).toString("base64")}`,
            );

        it("another authority has signed: it is not told the token, nor asked again", async () => {
            const kubeconfig = api.kubeconfig("admin", withCa(tls.rootCertificates[0] ?? ""));
            const cluster = await open({ kubeconfig });
            const { result, seconds } = await timed(async () => errorOf(cluster.get(here()), ClusterSilent));
            assert.match(result, /its certificate is not trusted: self-signed certificate/);
            assert.equal(api.seen.length, 0);
            assert(seconds < 2, String(seconds));
        });

        it("nobody vouches for: the same", async () => {
            const kubeconfig = api.kubeconfig("admin", (all) =>
                all.replace(/\n\s+certificate-authority-data: \S+/, ""),
            );
            assert.match(await errorOf((await open({ kubeconfig })).get(here()), ClusterSilent), /not trusted/);
            assert.equal(api.seen.length, 0);
        });

        it("is for another name: the same", async () => {
            const kubeconfig = api.kubeconfig("admin", (all) =>
                all.replace(
                    /(\s+)server: .*/,
                    (line, indent: string) => `${line}${indent}tls-server-name: elsewhere.example`,
                ),
            );
            assert.match(
                await errorOf((await open({ kubeconfig })).get(here()), ClusterSilent),
                /not trusted.*elsewhere/,
            );
            assert.equal(api.seen.length, 0);
        });
    });

    describe("whose kubeconfig", () => {
        const wrong = async (settings: Parameters<typeof openCluster>[0]): Promise<string> =>
            errorOf(openCluster(settings), BadInputError);

        it("is not there, or no YAML: nothing of it is shown", async () => {
            assert.match(await wrong({ kubeconfig: "/nowhere/kubeconfig" }), /cannot be read: ENOENT/);
            const broken = api.kubeconfig("admin", (all) => all.replace(/token: /, 'token: "\n: - '));
            assert.match(await wrong({ kubeconfig: broken }), /cannot be read: line \d+ is no YAML/);
            assert.match(await wrong({ kubeconfig: api.write("empty", "") }), /kubeconfig/);
        });

        it("lacks the context, or the context its cluster", async () => {
            const kubeconfig = api.kubeconfig("admin");
            assert.match(await wrong({ kubeconfig, context: "prod" }), /no context prod; it has local/);
            const lacking = api.kubeconfig("admin", (all) => all.replace("cluster: local", "cluster: another"));
            assert.match(await wrong({ kubeconfig: lacking }), /whose cluster it lacks/);
        });

        it("names a server that is no URL, or without https", async () => {
            const naming = (server: string): string =>
                api.kubeconfig("admin", (all) => all.replace(/server: .*/, `server: ${server}`));
            assert.match(await wrong({ kubeconfig: naming("somewhere") }), /is no URL/);
            assert.match(await wrong({ kubeconfig: naming("http://127.0.0.1:8080") }), /not reached by https/);
        });

        it("is nowhere", async () => {
            const before = { ...process.env };
            const home = mkdtempSync(path.join(tmpdir(), "schemaward-home-"));
            try {
                process.env["HOME"] = home;
                delete process.env["KUBECONFIG"];
                assert.match(await wrong(undefined), /There is no kubeconfig here/);
                process.env["KUBECONFIG"] = api.kubeconfig("admin");
                assert.equal((await (await open({})).get(here()))?.metadata.name, namespace);
            } finally {
                process.env = before;
                rmSync(home, { recursive: true });
            }
        });

        const asUser = (user: object) => (all: string) =>
            all.replace(/user:\n\s+token: \S+/, `user: ${JSON.stringify(user)}`);

        it("logs in with a token from a file, as a pod does", async () => {
            const tokenFile = api.write("token", plane().kubernetes.token("admin"));
            const user = { "auth-provider": { name: "tokenFile", config: { tokenFile } } };
            const cluster = await open({ kubeconfig: api.kubeconfig("admin", asUser(user)) });
            assert.equal((await cluster.get(here()))?.metadata.name, namespace);
        });

        /** A login plugin. @param body JavaScript that has `n`, how often it was called, from 1, and `give(TOKEN)` */
        function plugin(body: string): { readonly kubeconfig: string; readonly calls: () => number } {
            const calls = api.write(`calls-${Math.random()}`, "");
            const script = api.write(
                `plugin-${Math.random()}.js`,
                `const fs = require("node:fs");
                 fs.appendFileSync(${JSON.stringify(calls)}, ".");
                 const n = fs.readFileSync(${JSON.stringify(calls)}).length;
                 const give = (token, hours = 1) => console.log(JSON.stringify({ apiVersion: "client.authentication.k8s.io/v1", kind: "ExecCredential",
                    status: { token, expirationTimestamp: new Date(Date.now() + hours * 3600000).toISOString() } }));
                 const token = ${JSON.stringify(plane().kubernetes.token("admin"))};
                 ${body}`,
            );
            const exec = { apiVersion: "client.authentication.k8s.io/v1", command: process.execPath, args: [script] };
            const kubeconfig = api.kubeconfig("admin", asUser({ exec: { ...exec, interactiveMode: "Never" } }));
            return { kubeconfig, calls: () => readFileSync(calls, "utf8").length };
        }

        it("logs in with a plugin, once for as long as its token lasts", async () => {
            const { kubeconfig, calls } = plugin("give(token)");
            const cluster = await open({ kubeconfig });
            for (let i = 0; i < 3; i++) assert.equal((await cluster.get(here()))?.metadata.name, namespace);
            assert.equal(calls(), 1);
        });

        it("has a plugin whose token the server no longer takes, although it should last: it is asked anew", async () => {
            const { kubeconfig, calls } = plugin("give(n === 1 ? 'of-yesterday' : token)");
            const cluster = await open({ kubeconfig });
            assert.equal((await cluster.get(here()))?.metadata.name, namespace);
            assert.equal(calls(), 2);
        });

        it("has a plugin that fails: it is tried again, and what it says is told", async () => {
            const failing = plugin("if (n < 3) { console.error('the vault is sealed'); process.exit(1); } give(token)");
            assert.equal(
                (await (await open({ kubeconfig: failing.kubeconfig })).get(here()))?.metadata.name,
                namespace,
            );
            const broken = plugin("console.error('the vault is sealed'); process.exit(1)");
            const cluster = await open({ kubeconfig: broken.kubeconfig }, 0.8);
            assert.match(await errorOf(cluster.get(here()), ClusterSilent), /login .* fails: the vault is sealed/);
        });

        it("has a plugin that does not answer in JSON: its token is not shown", async () => {
            const { kubeconfig } = plugin("console.log('t=' + token)");
            const cluster = await open({ kubeconfig }, 0.5);
            assert.match(await errorOf(cluster.get(here()), ClusterSilent), /does not answer in JSON/);
        });

        it("has a plugin that is not there", async () => {
            const user = { exec: { apiVersion: "client.authentication.k8s.io/v1", command: "/nowhere/plugin" } };
            const cluster = await open({ kubeconfig: api.kubeconfig("admin", asUser(user)) });
            const text = await errorOf(cluster.get(here()), BadInputError);
            assert.match(text, /logs in with is not there/);
        });
    });
});
