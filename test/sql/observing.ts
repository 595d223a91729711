import assert from "node:assert/strict";
import type { Client } from "pg";
import { openDatabase } from "../../core/connection";
import type { Observation, ObservedStep, SessionSettings } from "../../core/sql/observation";
import { observe } from "../../core/sql/observe";
import { shapeScript } from "../../core/sql/script";
import { openShadow, type NoShadow, type Shadow, type ShadowOptions } from "../../core/sql/shadow";
import { loadParser } from "../../core/sql/parser";
import { splitScriptSync } from "../../core/sql/split";
import type { TestServer } from "../support/postgres";

/** Scripts taken apart as a plan does it, `step 1`, `step 2`, …. */
export async function stepsOf(scripts: readonly string[]): Promise<ObservedStep[]> {
    await loadParser();
    return scripts.map((sql, i) => {
        const label = `step ${i + 1}`;
        const { units } = shapeScript(splitScriptSync(sql, label), sql, label);
        return {
            label,
            statements: units.flatMap((u) => u.statements),
            transactional: units.every((u) => u.transactional),
        };
    });
}

/** A database on which scripts are observed. */
export class Observed {
    constructor(
        readonly server: TestServer,
        readonly name: string,
        /** Its schema: replayed where no pg_dump fits the server. */
        readonly schema: string,
    ) {}

    static async make(server: TestServer, schema: string): Promise<Observed> {
        const name = await server.create("observed");
        await server.withClient(name, (client) => client.query(schema));
        return new Observed(server, name, schema);
    }

    /** Opens a shadow with the live database in a read-only transaction, and closes both. */
    async withShadow<T>(
        work: (shadow: Shadow | NoShadow, live: Client) => Promise<T>,
        options: Partial<ShadowOptions> & { readonly url?: string } = {},
    ): Promise<T> {
        const { url = this.server.url(this.name), ...others } = options;
        const database = openDatabase({ url });
        const live = await database.connect("test");
        try {
            await live.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
            const shadow = await openShadow(database, live, {
                applied: [{ version: "1", sql: this.schema }],
                ...others,
            });
            try {
                return await work(shadow, live);
            } finally {
                if ("close" in shadow) await shadow.close();
            }
        } finally {
            await live.end();
        }
    }

    /** What these scripts do, each one after the ones before. */
    async see(
        scripts: readonly string[],
        settings: SessionSettings = { searchPath: [] },
        options: Partial<ShadowOptions> = {},
    ): Promise<Observation[]> {
        const steps = await stepsOf(scripts);
        return this.withShadow(async (shadow) => {
            assert.ok("client" in shadow, `no shadow: ${"reason" in shadow ? shadow.reason : ""}`);
            return observe(shadow, steps, settings);
        }, options);
    }

    /** What one script does. */
    async seeOne(script: string, options: Partial<ShadowOptions> = {}): Promise<Observation> {
        const [observation] = await this.see([script], { searchPath: [] }, options);
        assert.ok(observation);
        return observation;
    }
}

/** In short: `dropped table t (victim)`, `renamed table u was t`, `changed column t.a: integer → bigint`. */
export function inShort(observation: Observation): string[] {
    const definitions = (before: string | undefined, after: string): string => `: ${before ?? ""} → ${after}`;
    const kinds = ["dropped", "renamed", "changed", "added"] as const;
    return kinds.flatMap((kind) =>
        observation[kind].map(({ object, victim, renamedFrom, before, liveName }) =>
            [
                `${kind} ${object.kind} ${object.name}`,
                victim === true ? " (victim)" : "",
                renamedFrom === undefined ? "" : ` was ${renamedFrom}`,
                kind === "changed" ? definitions(before, object.definition) : "",
                liveName === undefined || liveName === (renamedFrom ?? object.name) ? "" : ` (live ${liveName})`,
            ].join(""),
        ),
    );
}

/** `ACCESS EXCLUSIVE on t` */
export function locksOf({ locks }: Observation): string[] {
    return locks.map(({ mode, relation }) => `${mode} on ${relation}`);
}
