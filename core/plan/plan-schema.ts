import { z } from "zod";
import { type Plan, planFormat } from "./plan";

// The plan's JSON form, published as docs/plan.schema.json. Loaded only where a plan is checked: making one needs no zod.

const count = z.number().nonnegative();
const direction = z.enum(["up", "down"]);

const loss = z.strictObject({
    kind: z.enum([
        "table dropped",
        "column dropped",
        "rows deleted",
        "rows updated",
        "rows truncated",
        "type changed",
        "unknown",
    ]),
    object: z.string(),
    rows: count.nullable().describe("rows, or non-null values of a column; null when it cannot be known"),
    exact: z.boolean().describe("false: an upper bound or an estimate"),
    estimated: z.boolean().optional().describe("PostgreSQL's own estimate, from its last ANALYZE: may be too low"),
    bytes: count
        .nullable()
        .describe("bytes on disk with indexes, 0 of a table that has no page of rows; null where that says nothing"),
    counted: z.boolean().describe("false: kept elsewhere, so that it does not count as lost"),
    kept: z
        .boolean()
        .optional()
        .describe(
            "true: schemaward keeps it and loads it back when the migration is applied again; it counts all the same",
        ),
    note: z.string().optional(),
    line: z.int().positive().optional().describe("line of the script, for statements"),
});

const objectChange = z.strictObject({
    kind: z.string().describe("in the words of PostgreSQL's messages: table, materialized view, …"),
    name: z.string().describe("quoted and qualified where needed, public. left out"),
    note: z.string().optional(),
    bytes: count.optional(),
    victim: z.boolean().optional().describe("dropped without being named: by CASCADE, a DO block, an event trigger"),
    strict: z.boolean().optional().describe("a unique index, or a column that has to be given a value"),
});

const step = z.strictObject({
    direction,
    version: z.string(),
    name: z.string(),
    script: z.strictObject({
        file: z.string(),
        checksum: z.string().describe("SHA-256 of the text, line ends as LF, without BOM"),
        source: z.enum(["disk", "ledger"]),
    }),
    storedSql: z.string().optional().describe("the whole script, where it comes from the ledger; passwords redacted"),
    differsFromLedger: z.boolean().describe("the down script on disk is not the one stored at apply"),
    transactions: z.int().nonnegative(),
    transactionsReason: z.string().optional(),
    method: z
        .enum(["observed", "parsed", "skipped"])
        .describe("observed on a shadow; judged by parser and catalog; not looked at"),
    methodReason: z.string().optional(),
    added: z.array(objectChange),
    changed: z.array(objectChange),
    dropped: z.array(objectChange),
    losses: z.array(loss),
    loads: z
        .array(
            z.strictObject({
                object: z.string(),
                rows: count,
                at: z.string().describe("when it was kept, ISO 8601, UTC"),
            }),
        )
        .optional()
        .describe("what was kept when the migration was undone, and is loaded back"),
    locks: z.array(z.strictObject({ mode: z.string(), relations: z.array(z.string()) })),
    rewrites: z.array(z.string()).describe("tables whose storage is written anew"),
    opaque: z
        .array(z.strictObject({ line: z.int(), why: z.string() }))
        .describe("statements whose effect cannot be known"),
    replaced: z
        .array(z.strictObject({ line: z.int(), text: z.string() }))
        .describe("statements on the history table in whose place schemaward writes"),
    verifiedBy: z.string().optional().describe("file of the query that has to yield true before it takes effect"),
    wouldFail: z.strictObject({ line: z.int(), sqlstate: z.string(), message: z.string() }).optional(),
});

/** The plan's JSON form. */
export const planSchema = z.strictObject({
    format: z.literal(planFormat),
    set: z.string(),
    environment: z.string(),
    resource: z.string().optional().describe("name of the Pulumi resource"),
    target: z.string().describe("the declared version, as it was written"),
    from: z.string().nullable().describe("highest applied version; null: nothing is applied"),
    to: z.string().nullable(),
    direction: z.enum(["forward", "back", "both", "none"]),
    adopt: z.strictObject({ table: z.string(), versions: z.array(z.string()) }).nullable(),
    steps: z.array(step),
    drift: z.array(
        z.strictObject({ what: z.enum(["added", "changed", "dropped"]), kind: z.string(), name: z.string() }),
    ),
    lastRun: z
        .strictObject({
            id: z.string(),
            direction: z
                .enum(["forward", "back", "both", "none", "restore"])
                .describe("restore: another database is in the place of the one before, restored from a snapshot"),
            from: z.string().nullable(),
            to: z.string().nullable(),
            who: z.string(),
            host: z.string(),
            startedAt: z.string().describe("ISO 8601, UTC"),
            endedAt: z.string().nullable(),
            outcome: z
                .enum(["failed", "cut off", "running"])
                .describe("cut off: it never wrote its end and is gone; running: it still has its lock"),
            snapshot: z.string().nullable().describe("the snapshot that it took before its first script"),
            error: z.string().nullable(),
            done: z
                .array(z.strictObject({ version: z.string(), how: z.enum(["applied", "undone"]) }))
                .describe("what it did and has stayed, in order"),
        })
        .nullable()
        .describe("the run before, where it did not end well"),
    unfinished: z
        .strictObject({ version: z.string(), direction, done: z.int(), goesOn: z.boolean() })
        .nullable()
        .describe("a script of several transactions that an earlier run did not finish"),
    lost: z.strictObject({
        rows: count,
        values: count.describe("values of dropped or overwritten columns"),
        bytes: count,
        unknown: z.boolean().describe("something may be lost that cannot be counted, or is only estimated"),
    }),
    snapshot: z
        .strictObject({
            store: z.string(),
            name: z.string().describe("<UTC> stands for the time"),
            estimatedBytes: count,
            estimatedSeconds: count,
            required: z.boolean(),
        })
        .nullable(),
    traffic: z
        .strictObject({
            stop: z.boolean().describe("whether traffic is stopped for the run"),
            why: z.array(z.string()).describe("why it is stopped, or would have to be"),
            strategy: z.enum(["scale-to-zero", "service-selector", "pgbouncer", "none"]),
            parts: z.array(z.strictObject({ key: z.string(), text: z.string() })).describe("what it comes through"),
            running: z
                .array(z.strictObject({ workload: z.string(), version: z.string().nullable() }))
                .describe("applications that run now; version null: it cannot be told"),
            holdsFor: z
                .string()
                .nullable()
                .describe("the application that it stays stopped for; null: it comes in again at the run's end"),
        })
        .nullable(),
    held: z
        .strictObject({
            runId: z.string(),
            who: z.string(),
            host: z.string(),
            since: z.string().describe("ISO 8601, UTC"),
            parts: z.array(z.string()).describe("as they were before"),
            heldFor: z.string().nullable().describe("what is waited for; null: the run's end"),
        })
        .nullable()
        .describe("traffic that is stopped already"),
    verify: z
        .array(z.string())
        .describe("names of the queries that have to yield true when all scripts have taken effect"),
    digest: z
        .string()
        .regex(/^[0-9a-f]{8}$/)
        .describe("what policy.approvedPlan names"),
    app: z
        .strictObject({ version: z.string().nullable(), accepts: z.string().nullable(), ok: z.boolean() })
        .nullable()
        .describe(
            "the application that will run, and the schema versions it accepts; null: no compatibility matrix is declared",
        ),
    approval: z.strictObject({
        needed: z.boolean(),
        given: z.boolean(),
        maxRowsLost: count.nullable(),
        restOf: z
            .array(z.string())
            .describe(
                "digests of plans that were cut off and of which this is the very rest: their approval holds for it",
            ),
    }),
    refusals: z.array(
        z.strictObject({
            code: z.string().describe("stable word for programs"),
            text: z.string(),
            allow: z.string().describe("the key or command that allows it"),
        }),
    ),
    warnings: z.array(z.string()),
    undo: z.string(),
    run: z.array(z.string()),
});

/** A type without the difference between an absent member and an undefined one, and without `readonly`. */
type Shape<T> = T extends readonly (infer E)[]
    ? Shape<E>[]
    : T extends object
      ? { -readonly [K in keyof T]-?: Shape<Exclude<T[K], undefined>> }
      : T;
type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : never) : never;
/** Fails to compile when the schema and the type part ways. */
export const schemaIsThePlan: Same<Shape<z.output<typeof planSchema>>, Shape<Plan>> = true;

/** JSON Schema of a plan, as published. */
export function planJsonSchema(): unknown {
    return { title: "schemaward plan", ...z.toJSONSchema(planSchema) };
}
