import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import path from "node:path";
import { promisify } from "node:util";
import type { Declaration } from "../../core/declaration";
import { restore } from "../../core/run/restore/restore";
import type { RestoreOptions, RestoreResult } from "../../core/run/restore/options";
import { openStore } from "../../core/snapshots/stores";
import { listSnapshots } from "../../core/snapshots/contents";
import type { Manifest } from "../../core/snapshots/manifest";
import { needTool } from "../../core/snapshots/tool";
import type { TestServer } from "../support/postgres";
import type { TestProject } from "../support/project";

/** The declaration of a project with a store, as its environment's. */
export function withStore(project: TestProject, version: string, more: Partial<Declaration> = {}): Declaration {
    return project.declaration(version, {
        declarer: { project: "app", stack: "prod", environment: "prod" },
        snapshot: { store: `file:${path.join(project.dir, "backups")}`, required: true },
        ...more,
    });
}

/** What a project's store holds, newest first. */
export async function snapshotsOf(project: TestProject): Promise<readonly Manifest[]> {
    return listSnapshots(openStore(`file:${path.join(project.dir, "backups")}`, project.dir));
}

/** Restores without asking anybody. */
export async function restoreTo(
    project: TestProject,
    snapshot: string,
    more: Partial<Declaration> = {},
    options: Partial<RestoreOptions> = {},
): Promise<RestoreResult> {
    return restore(withStore(project, "latest", more), {
        projectDir: project.dir,
        snapshot,
        emergency: true,
        declaredVersionCounts: false,
        waitMs: 0,
        report: (event) => project.events.push(event),
        ...options,
    });
}

/** All that a database is, as pg_dump writes it: schema and rows, owners, grants, settings, comment. */
export async function dumpOf(server: TestServer, database: string): Promise<string> {
    const pgDump = await needTool("pg_dump", server.binaries.major, "server");
    const { stdout } = await promisify(execFile)(
        pgDump,
        // What schemaward writes of itself tells of the restore.
        ["--create", "--exclude-schema=schemaward"],
        { env: { ...process.env, ...server.env, PGDATABASE: database, TZ: "UTC" }, maxBuffer: 256 * 1024 * 1024 },
    );
    // A key made anew for each dump.
    return stdout.replace(/^\\(?:un)?restrict .*$/gm, "");
}

/** A dump but for what each one writes otherwise: `CHECK (status IN (…))` of a varchar first casts the array, then its elements. */
export function withoutCasts(dump: string): string {
    return dump.replace(/::(?:character varying|text)(?:\[\])?|[()]/g, "");
}

/** Names of the databases of a server, those of the server itself aside. */
export async function databasesOf(server: TestServer): Promise<string[]> {
    return server.withClient("postgres", async (client) => {
        const { rows } = await client.query<{ name: string }>(
            "SELECT datname::text AS name FROM pg_database WHERE datname NOT IN ('postgres', 'template0', 'template1') ORDER BY 1",
        );
        return rows.map((row) => row.name);
    });
}

export function hasStep(project: TestProject, text: RegExp): void {
    assert(
        project.events.some((event) => event.type === "restore-step" && text.test(event.text)),
        JSON.stringify(project.events),
    );
}
