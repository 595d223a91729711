import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { type SchemaFacts, schemaAt } from "../../stacks/parse-settings";
import { readProject, readStackSettings } from "../../stacks/stack-file";
import { root } from "../../tools/pg-binaries";
import { asCommandReads, asPulumiReads, type Outcome, Projects } from "./outcome";

const good = `
physioflow:version: "024"
physioflow:connection: { env: DATABASE_URL }
`.trim();

/** Lines in place of, or beside, those of `good`; and what the refusal says. */
const wrong: Readonly<Record<string, readonly [config: string, ...problems: string[]]>> = {
    "an unknown key": [
        "physioflow:verison: '1'",
        "physioflow:verison is unknown; allowed here: version, app, environment, connection, migrations, history, adopt, backups, snapshot, keepData, restoreFrom, restore, policy, run, traffic, verify, incidents, database, workload",
    ],
    "an unknown key below another": [
        "physioflow:policy: { approve: never }",
        "physioflow:policy.approve is unknown; allowed here: approval, approvedPlan, maxRowsLost, compatibility, outOfOrder, changedDown",
    ],
    "an unknown key of a bucket": [
        "physioflow:backups: { bucket: some-bucket, expiryDays: 3 }",
        "physioflow:backups.expiryDays is unknown; allowed here: existing, bucket, prefix, kmsKeyArn, noncurrentDays, abortUploadDays, expireDays, objectLock, protect",
    ],
    "an unknown key of a connection": [
        "physioflow:connection: { env: X, password: hunter2 }",
        "physioflow:connection.password is unknown; allowed here: env, command, role",
    ],
    "a version without quotes": [
        "physioflow:version: 024",
        'physioflow:version must be a string of digits, "latest", or "0": write it in quotes, like "024" (unquoted, YAML reads 024 as the number 20)',
    ],
    "a version without quotes that no reader of YAML changes": [
        "physioflow:version: 24",
        'physioflow:version must be a string of digits, "latest", or "0"',
    ],
    "a version with an underscore": [
        "physioflow:version: 1_000",
        'physioflow:version must be a string of digits, "latest", or "0"',
    ],
    "an unknown version": [
        "physioflow:version: newest",
        'physioflow:version must be a string of digits, "latest", or "0"',
    ],
    "an app that YAML reads as a number": ["physioflow:app: 1.20", "physioflow:app must be a string, like 1.2.9"],
    "a digest that YAML reads as a number": [
        "physioflow:policy: { approvedPlan: 71904000 }",
        'physioflow:policy.approvedPlan must be the 8 hex digits that the plan shows, in quotes: "7c1e9a04"',
    ],
    "records of rollbacks that go nowhere": [
        "physioflow:incidents: {}",
        "physioflow:incidents needs dir, webhook or both",
    ],
    "a webhook's URL": [
        "physioflow:incidents: { webhook: { url: 'https://hunter2.example' } }",
        "physioflow:incidents.webhook.env is missing: environment variable that holds the URL: it may be a secret",
        "physioflow:incidents.webhook.url is unknown; allowed here: env",
    ],
    "a row of the matrix without quotes": [
        "physioflow:policy: { compatibility: [{ app: 1.2.x, from: 20, to: latest }] }",
        'physioflow:policy.compatibility.0.from must be a string of digits: write it in quotes, like "020"',
    ],
    "a row of the matrix that is no range": [
        "physioflow:policy: { compatibility: [{ app: newest, from: '020', to: latest }] }",
        "physioflow:policy.compatibility.0.app must be a range of versions, like 1.2.x",
    ],
    "a row of the matrix with an unknown key": [
        "physioflow:policy: { compatibility: [{ app: 1.2.x, min: '020', from: '020', to: latest }] }",
        "physioflow:policy.compatibility.0.min is unknown; allowed here: app, from, to",
    ],
    "a row of the matrix that lacks a key": [
        "physioflow:policy: { compatibility: [{ app: 1.2.x, from: '020' }] }",
        'physioflow:policy.compatibility.0.to is missing: highest version of the schema that they accept, or "latest"',
    ],
    "a matrix without a row": [
        "physioflow:policy: { compatibility: [] }",
        "physioflow:policy.compatibility must be at least 1",
    ],
    "a value that is not one of a list": [
        "physioflow:policy: { approval: sometimes }",
        "physioflow:policy.approval must be one of: always, data-loss, never",
    ],
    "a text for a number": [
        "physioflow:policy: { maxRowsLost: many }",
        "physioflow:policy.maxRowsLost must be a number",
    ],
    "a fraction for a whole number": [
        "physioflow:snapshot: { keep: 2.5 }",
        "physioflow:snapshot.keep must be a whole number",
    ],
    "neither a number nor a mapping": [
        "physioflow:snapshot: { keep: many }",
        "physioflow:snapshot.keep must be a number or a mapping",
    ],
    "a mapping that says nothing": [
        "physioflow:snapshot: { keep: {} }",
        "physioflow:snapshot.keep needs last, daily, weekly or several of them",
    ],
    "a wrong value in one of several forms": [
        "physioflow:snapshot: { keep: { daily: x } }",
        "physioflow:snapshot.keep.daily must be a number",
    ],
    "a wrong key in one of several forms": [
        "physioflow:snapshot: { keep: { monthly: 3 } }",
        "physioflow:snapshot.keep.monthly is unknown; allowed here: last, daily, weekly",
    ],
    "a number that is too small": ["physioflow:snapshot: { keep: 0 }", "physioflow:snapshot.keep must be more than 0"],
    "a number that is too big": [
        "physioflow:workload: { namespace: a, image: b, port: 70000 }",
        "physioflow:workload.port must be at most 65535",
    ],
    "a text for yes or no": [
        "physioflow:snapshot: { required: 'true' }",
        "physioflow:snapshot.required must be true or false",
    ],
    "a text for a mapping": ["physioflow:snapshot: none", "physioflow:snapshot must be a mapping"],
    "a list for a mapping": ["physioflow:run: [1]", "physioflow:run must be a mapping"],
    "a text for a list": ["physioflow:run: { searchPath: public }", "physioflow:run.searchPath must be a list"],
    "a number for a text": [
        "physioflow:migrations: { dir: 7 }",
        "physioflow:migrations.dir must be a folder, relative to the project",
    ],
    "a format that there is not": [
        "physioflow:migrations: { dir: db, format: rails }",
        "physioflow:migrations.format must be one of: numbered",
    ],
    "a missing key below another": [
        "physioflow:database: { name: a, owner: b, appRole: c }",
        "physioflow:database.migratorRole is missing: role in the connection's URL: it may become the owner, and keeps the ledger",
    ],
    "both kinds of backups": [
        "physioflow:backups: { existing: 'file:b', bucket: some-bucket }",
        "physioflow:backups needs nothing beside existing: bucket is for a bucket that the stack makes",
    ],
    "a bucket's key beside a store that is there": [
        "physioflow:backups: { existing: 'file:b', expireDays: 3 }",
        "physioflow:backups needs nothing beside existing: expireDays is for a bucket that the stack makes",
    ],
    "neither kind of backups": [
        "physioflow:backups: { prefix: a }",
        "physioflow:backups needs exactly one of existing, bucket",
    ],
    "a store of a kind that there is not": [
        "physioflow:backups: { existing: 'ftp:b' }",
        "physioflow:backups.existing must be a file: or s3: URL",
    ],
    "a connection two ways": [
        "physioflow:connection: { env: A, command: [b] }",
        "physioflow:connection needs exactly one of env, command",
    ],
    "an image with a tag": [
        "physioflow:workload: { namespace: a, image: 'b:1' }",
        "physioflow:workload.image must be an image's name without a tag, like registry.example/api",
    ],
    "several at once": [
        "physioflow:version: 24\nphysioflow:app: 2\nphysioflow:policy: { approval: x, maxRowsLost: -1 }\nphysioflow:colour: red",
        'physioflow:version must be a string of digits, "latest", or "0"',
        "physioflow:app must be a string",
        "physioflow:policy.approval must be one of: always, data-loss, never",
        "physioflow:policy.maxRowsLost must be at least 0",
        "physioflow:colour is unknown",
    ],
};

/** `good` with the lines of the same key replaced. */
function withLines(lines: string): string {
    const keys = lines.split("\n").map((l) => l.split(": ", 1)[0]);
    return [...good.split("\n").filter((l) => !keys.includes(l.split(": ", 1)[0])), lines].join("\n");
}

describe("a stack's settings", function () {
    this.timeout(30_000);

    const projects = new Projects();
    const folders = new Map<string, string>();
    const pulumi = new Map<string, Outcome>();

    before("read every case under Pulumi", async () => {
        for (const [name, [config]] of Object.entries(wrong)) folders.set(name, projects.add(withLines(config)));
        folders.set("nothing", projects.add("physioflow:app: 1.2.9"));
        folders.set("good", projects.add(good));
        folders.set(
            "everything",
            projects.add(
                withLines(
                    "physioflow:snapshot: { required: false, keep: 3, store: 's3://b/p' }\nphysioflow:app: 1.2.9\n" +
                        "aws:region: x\nphysioflow:policy: { approvedPlan: '71904000', maxRowsLost: 5 }\n" +
                        "physioflow:connection: { command: [a, b], role: r }\nphysioflow:run: { searchPath: [a, b] }",
                ),
            ),
        );
        const outcomes = await asPulumiReads([...folders.values()]);
        for (const [i, name] of [...folders.keys()].entries()) {
            const outcome = outcomes[i];
            assert.ok(outcome);
            pulumi.set(name, outcome);
        }
    });

    after("remove them", () => {
        projects.remove();
    });

    /** The same through both readers. */
    function read(name: string): Outcome {
        const byCommand = asCommandReads(folders.get(name) ?? "");
        assert.deepEqual(pulumi.get(name), JSON.parse(JSON.stringify(byCommand)));
        return byCommand;
    }

    function refusal(name: string): string {
        const outcome = read(name);
        assert.ok("error" in outcome, "it is accepted");
        return outcome.error;
    }

    for (const [name, [, ...problems]] of Object.entries(wrong)) {
        it(`${name}: the error names the key and what is allowed`, () => {
            const error = refusal(name);
            for (const problem of problems) assert.ok(error.includes(problem), error);
            assert.match(error, /stacks\/Pulumi\.dev\.yaml/);
            assert.match(error, /^State: Nothing was touched\.$/m);
            const lines = error.split("\n").filter((l) => /physioflow:\w/.test(l));
            assert.equal(lines.length, problems.length, error);
            // What stands there may be a secret.
            assert.doesNotMatch(error, /hunter2/);
        });
    }

    it("what is missing is named, all at once", () => {
        const error = refusal("nothing");
        assert.match(error, /physioflow:version is missing: version the database must be at: "024", "latest", or "0"/);
        assert.match(error, /physioflow:connection is missing: where the database's URL is found/);
    });

    it("what may be left out has its default", () => {
        const outcome = read("good");
        assert.ok("settings" in outcome);
        const { version, policy, snapshot, migrations, run, backups, database, workload } = outcome.settings;
        assert.deepEqual(
            [version, policy.approval, snapshot.required, migrations.dir, run.lockTimeoutMs],
            ["024", "data-loss", true, "db/migrations", 500],
        );
        assert.deepEqual([backups, database, workload], [undefined, undefined, undefined]);
    });

    it("values keep their types, and other providers' keys are none of ours", () => {
        const outcome = read("everything");
        assert.ok("settings" in outcome, JSON.stringify(outcome));
        const { snapshot, app, policy, connection, run } = outcome.settings;
        assert.deepEqual(snapshot, { required: false, keep: 3, store: "s3://b/p" });
        assert.deepEqual([app, policy.approvedPlan, policy.maxRowsLost], ["1.2.9", "71904000", 5]);
        assert.deepEqual([connection, run.searchPath], [{ command: ["a", "b"], role: "r" }, ["a", "b"]]);
    });

    it("every key is described", () => {
        const bare = [...keysBelow([])].filter((k) => (schemaAt(k)?.description ?? "") === "");
        assert.deepEqual(bare, []);
        assert.ok([...keysBelow([])].length > 50);
    });

    for (const stack of ["dev", "staging", "prod"]) {
        it(`stacks/Pulumi.${stack}.yaml is valid`, () => {
            const settings = readStackSettings(readProject(root), stack);
            assert.equal(settings.migrations.dir, "examples/physioflow/db/migrations");
            assert.ok("env" in settings.connection);
        });
    }

    it("a value that only Pulumi.yaml gives is not taken for absent: the command refuses, naming it", () => {
        const folder = folders.get("good") ?? "";
        const file = path.join(folder, "Pulumi.yaml");
        const before = readFileSync(file, "utf8");
        try {
            for (const config of [
                "app: 1.2.3",
                "physioflow:app: 1.2.3",
                "app:\n    type: string\n    default: 1.2.3",
            ]) {
                writeFileSync(file, `${before}config:\n  ${config}\n`);
                const outcome = asCommandReads(folder);
                assert("error" in outcome, config);
                assert.match(outcome.error, /Pulumi\.yaml gives physioflow:app a value for all stacks/);
            }
            for (const config of ["app:\n    type: string", "aws:region: eu-central-1"]) {
                writeFileSync(file, `${before}config:\n  ${config}\n`);
                assert.doesNotMatch(JSON.stringify(asCommandReads(folder)), /Pulumi\.yaml gives/);
            }
        } finally {
            writeFileSync(file, before);
        }
    });

    it("the command ends with 3 for a wrong setting, and says it", async () => {
        const main = path.join(root, "dist", "cli", "main.js");
        const cwd = folders.get("a version without quotes") ?? "";
        const run = promisify(execFile)(process.execPath, [main, "status", "--stack", "dev"], { cwd });
        await assert.rejects(run, (error: { code: number; stderr: string }) => {
            assert.equal(error.code, 3);
            assert.match(error.stderr, /physioflow:version must be a string/);
            return true;
        });
    });
});

function* keysBelow(at: readonly string[]): Generator<string[]> {
    const facts: SchemaFacts | undefined = schemaAt(at);
    for (const key of Object.keys(facts?.shape ?? {})) {
        yield [...at, key];
        yield* keysBelow([...at, key]);
    }
}
