import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Declaration } from "../../core/declaration";
import type { RunEvent } from "../../core/run/events";
import { freePort } from "../../tools/local-postgres";
import { Backend, failureOf } from "../support/backend";
import { withControlPlane } from "../support/control-plane";
import { type Fault, FaultyApi } from "../support/faulty-api";
import { startTestServer, type TestServer } from "../support/postgres";

describe("the API server is gone: before traffic is stopped, while it is, and when it is to come in again", function () {
    this.timeout(60_000);
    const plane = withControlPlane();
    let server: TestServer;
    let backend: Backend;

    before(async () => {
        server = await startTestServer();
    });
    after(async () => server.stop());
    beforeEach(async () => {
        backend = await Backend.start(plane(), server);
    });
    afterEach(async () => {
        signal("SIGCONT");
        if (apiServer().exit() !== undefined) await plane().kubernetes.startAgain("kube-apiserver");
        backend.project.remove();
    });

    function apiServer() {
        const running = plane().kubernetes.processes.get("kube-apiserver");
        assert(running);
        return running;
    }

    /** SIGSTOP: it takes connections and never answers. SIGKILL: nobody is at its port. */
    function signal(name: NodeJS.Signals): void {
        if (apiServer().exit() === undefined) process.kill(apiServer().pid, name);
    }

    /** Reports as usual, and does something at an event, at the very moment at which the run is there. */
    function at(type: RunEvent["type"], what: () => void, count = 1): { readonly report: (event: RunEvent) => void } {
        let seen = 0;
        return {
            report: (event) => {
                backend.project.events.push(event);
                if (event.type === type && ++seen === count) what();
            },
        };
    }

    for (const how of ["hangs", "nobody is at its port"] as const)
        it(`before the plan (${how}): the plan names it, the run is refused, nothing is touched`, async () => {
            const declared = how === "hangs" ? backend.declared() : await elsewhere();
            if (how === "hangs") signal("SIGSTOP");
            const plan = await backend.project.plan("001", declared, "quick");
            assert.deepEqual(
                plan.refusals.map((r) => r.code),
                ["traffic-unreachable"],
            );
            const { text: why = "" } = plan.refusals[0] ?? {};
            assert.match(why, /Kubernetes does not answer \(GET .*\): .*(ECONNREFUSED|no answer within)/);
            const text = await failureOf(backend.project.migrate("001", declared));
            assert.match(text, /is refused[\s\S]*Kubernetes does not answer[\s\S]*Nothing was touched/);
            assert.equal(await backend.runs(), 1);
            assert.equal(await backend.tables(), "abc");
            assert.deepEqual(await backend.gates(), []);
            signal("SIGCONT");
            await backend.assertUntouched();
        });

    /** With a kubeconfig of a server that is not there. */
    async function elsewhere(): Promise<Partial<Declaration>> {
        const { kubernetes } = plane();
        const file = path.join(backend.project.dir, "kubeconfig");
        const there = `https://127.0.0.1:${await freePort()}`;
        writeFileSync(file, readFileSync(kubernetes.kubeconfig("admin"), "utf8").replace(kubernetes.server, there));
        return backend.declared({ kubernetes: { kubeconfig: file } });
    }

    it("between the plan and the preflight: nothing is touched, and the text says so", async () => {
        const options = at("plan", () => {
            signal("SIGSTOP");
        });
        const text = await failureOf(backend.project.migrate("001", backend.declared(), options));
        assert.match(text, /does not answer \(POST .*selfsubjectaccessreviews\)[\s\S]*Nothing was touched/);
        assert.equal(await backend.runs(), 1);
        assert.deepEqual(await backend.gates(), []);
        signal("SIGCONT");
        await backend.assertUntouched();
    });

    it("while traffic is being stopped: no script is run; the ledger knows, and one more run lets it in", async () => {
        const options = at("gate-stopping", () => {
            signal("SIGSTOP");
        });
        const text = await failureOf(backend.project.migrate("001", backend.declared(), options));
        assert.match(text, /does not answer[\s\S]*TRAFFIC STAYS STOPPED \(api×2 worker×1\)/);
        assert.equal(await backend.tables(), "abc");
        assert.deepEqual(await backend.journal(), ["planned"]);
        assert.equal((await backend.gates()).length, 1);
        signal("SIGCONT");
        const plan = await backend.project.plan("003", backend.declared(), "quick");
        assert.deepEqual(plan.held?.parts, ["api×2", "worker×1"]);
        // Nothing was done, so there is nothing to finish first.
        assert.equal(await backend.resume("003"), true);
        await backend.assertTrafficIsIn();
    });

    it("right before the first script: no script is run", async () => {
        const options = at("gate-stopped", () => {
            signal("SIGSTOP");
        });
        const text = await failureOf(backend.project.migrate("001", backend.declared(), options));
        assert.match(text, /does not answer[\s\S]*TRAFFIC STAYS STOPPED/);
        assert.deepEqual(await backend.journal(), ["planned", "gated"]);
        signal("SIGCONT");
        await backend.assertTrafficIsStopped();
        const result = await backend.project.migrate("001", backend.declared());
        assert.deepEqual(result.heldFor, []);
        assert.equal(await backend.tables(), "a");
        await backend.assertTrafficIsIn();
    });

    it("when traffic is to come in (hangs): the commands are right; what a person has done with them is left as it is", async () => {
        const options = at("step-start", () => {
            signal("SIGSTOP");
        });
        const verified = {
            ...backend.declared(),
            verify: [{ name: "a is there", sql: "SELECT to_regclass('a') IS NOT NULL" }],
        };
        const started = performance.now();
        const text = await failureOf(backend.project.migrate("001", verified, options));
        assert((performance.now() - started) / 1000 < 8);
        signal("SIGCONT");
        await backend.assertTrafficIsStopped();
        assert.equal(await backend.scaleByHand(text), 2);
        for (const [name, count] of [
            ["api", 2],
            ["worker", 1],
        ] as const)
            assert.equal(await plane().replicas(backend.namespace, name), count);
        assert.equal((await backend.gates()).length, 1);
        // Traffic is in by hand: that is no reason to fail, there is nothing left to run.
        const result = await backend.project.migrate("001", verified);
        assert.deepEqual(result.heldFor, []);
        await backend.assertTrafficIsIn();
    });

    it("when traffic is to come in, and resumeTraffic is asked later: it is in", async () => {
        const options = at("step-start", () => {
            signal("SIGSTOP");
        });
        assert.match(
            await failureOf(backend.project.migrate("001", backend.declared(), options)),
            /TRAFFIC STAYS STOPPED/,
        );
        signal("SIGCONT");
        assert.equal(await backend.resume("001"), true);
        await backend.assertTrafficIsIn();
        assert.equal(await backend.resume("001"), false);
    });

    it("comes back within the patience: nobody notices", async () => {
        const seen = at("step-start", () => {
            signal("SIGSTOP");
        });
        const options = {
            report: (event: RunEvent): void => {
                seen.report(event);
                // By then traffic is about to be let in; the next look at Kubernetes hangs.
                if (event.type === "step-done" && event.index === event.count)
                    setTimeout(() => {
                        signal("SIGCONT");
                    }, 1500);
            },
        };
        const started = performance.now();
        const result = await backend.project.migrate(
            "001",
            backend.declared({ kubernetes: { resumeSeconds: 20 } }),
            options,
        );
        assert(performance.now() - started > 1500);
        assert.deepEqual(result.heldFor, []);
        await backend.assertTrafficIsIn();
        assert.deepEqual((await backend.journal()).slice(-2), ["verified", "resumed"]);
    });

    it("a script that fails while it is gone: the error tells of both", async () => {
        backend.project.write({ "rollback/003_down.sql": "DO $$ BEGIN PERFORM 1 / (SELECT 0); END $$" });
        const options = at("step-start", () => {
            signal("SIGSTOP");
        });
        const text = await failureOf(backend.project.migrate("001", backend.declared(), options));
        assert.match(
            text,
            /division by zero[\s\S]*does not answer[\s\S]*TRAFFIC STAYS STOPPED[\s\S]*kubectl scale deployment api/,
        );
        signal("SIGCONT");
        await backend.assertTrafficIsStopped();
        assert.equal(await backend.resume("001"), true);
        await backend.assertTrafficIsIn();
        assert.equal(await backend.tables(), "abc");
    });

    describe("answers some requests otherwise", () => {
        let api: FaultyApi;

        beforeEach(async () => {
            api = await FaultyApi.start(plane().kubernetes);
        });
        afterEach(async () => api.stop());

        const through = (): Partial<Declaration> =>
            backend.declared({
                kubernetes: { kubeconfig: api.kubeconfig("admin"), patienceSeconds: 5, resumeSeconds: 5 },
            });

        /** The same for the first time that something is changed at each place, and the first time after it is stopped. */
        function eachFirstTime(fault: Fault, fits: (url: string) => boolean): void {
            const seen = new Set<string>();
            api.fault = ({ method, url }) => {
                const stopped = backend.project.events.some((event) => event.type === "gate-stopped");
                const key = `${url} ${String(stopped)}`;
                if (method !== "PATCH" || !fits(url) || seen.has(key)) return undefined;
                seen.add(key);
                return fault;
            };
        }

        it("does what is asked, and its answers are lost: traffic is stopped and comes in as it was", async () => {
            eachFirstTime("lose-answer", () => true);
            await backend.project.migrate("001", through());
            assert.equal(await backend.tables(), "a");
            await backend.assertTrafficIsIn();
            // Marked, scaled, scaled, unmarked and released, each lost once.
            assert(api.seen.filter(({ method, url }) => method === "PATCH" && url.includes("/api")).length >= 8);
        });

        it("says at first that others are changing it: it is scaled down and up all the same", async () => {
            eachFirstTime({ status: 409, body: '{"kind":"Status","message":"has been modified"}' }, (url) =>
                url.includes("/scale"),
            );
            await backend.project.migrate("001", through());
            await backend.assertTrafficIsIn();
        });

        it("refuses one workload at once and is slow with the other: that one is not stopped after it was let in", async () => {
            eachFirstTime("hang", (url) => url.includes("/api/scale"));
            const hangs = api.fault;
            api.fault = (request) =>
                request.method === "PATCH" && request.url.includes("/worker/scale")
                    ? { status: 403, body: '{"kind":"Status","message":"not yours"}' }
                    : hangs(request);
            const text = await failureOf(backend.project.migrate("001", through()));
            assert.match(text, /not yours[\s\S]*Traffic is let in again/);
            const scaled = (): number =>
                api.seen.filter(({ method, url }) => method === "PATCH" && url.includes("/api/scale")).length;
            const byThen = scaled();
            assert(byThen >= 2, "it was stopped and let in");
            await backend.assertTrafficIsIn();
            // What was on its way had ended by then.
            assert.equal(scaled(), byThen);
        });
    });

    // The last one: what makes pods asks a server that was away again only after a while.
    it("when traffic is to come in (killed): the scripts stay, the text has the commands, each plan warns; started again, one more run lets it in", async () => {
        let gone: Promise<void> | undefined;
        const options = at("step-start", () => {
            gone = apiServer().end("SIGKILL");
        });
        const text = await failureOf(backend.project.migrate("001", backend.declared(), options));
        await gone;
        assert.match(text, /ECONNREFUSED[\s\S]*The schema is as it has to be[\s\S]*TRAFFIC STAYS STOPPED/);
        for (const [name, count] of [
            ["api", 2],
            ["worker", 1],
        ] as const)
            assert(text.includes(`kubectl scale deployment ${name} -n ${backend.namespace} --replicas=${count}`), text);
        assert.equal(await backend.tables(), "a");
        assert.deepEqual((await backend.journal()).slice(-2), ["undone 002", "verified"]);
        for (let i = 0; i < 2; i++) {
            const plan = await backend.project.plan("001", backend.declared(), "quick");
            assert.deepEqual(plan.held?.parts, ["api×2", "worker×1"]);
            assert.deepEqual(plan.refusals, []);
        }
        const more = await failureOf(backend.project.migrate("0", backend.declared()));
        assert.match(more, /is refused[\s\S]*does not answer[\s\S]*Nothing was touched/);
        await assert.rejects(backend.resume("001"), /could not be let in|does not answer/);
        await plane().kubernetes.startAgain("kube-apiserver");
        await backend.assertTrafficIsStopped();
        const { plan } = await backend.project.migrate("001", backend.declared());
        assert.deepEqual(plan.steps, []);
        await backend.assertTrafficIsIn();
        assert.deepEqual((await backend.journal()).slice(-3), ["planned", "verified", "resumed"]);
    });
});
