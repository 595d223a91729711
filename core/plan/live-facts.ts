import type { Client } from "pg";
import { ruleSources } from "../sql/rule-sources";

/** A question to the live database: how many rows, and a guess for when it takes too long or may not be asked. */
export interface CountQuestion {
    /** A scalar query that yields one bigint. */
    readonly sql: string;
    /** Asked instead when `sql` fails for its text (a column that only exists later); the answer is then an upper bound. */
    readonly fallback?: string;
    /** Name of the relation whose estimated row count serves when neither may be asked. */
    readonly relation: string;
}

export interface Count {
    readonly rows: number | null;
    readonly exact: boolean;
    /** Whether it is PostgreSQL's estimate, which may be too low as well as too high. */
    readonly estimated?: boolean;
}

const batchSize = 50;

/**
 * Counts in as few round trips as possible. The client must be in a READ ONLY transaction, so that a condition that
 * calls a function with side effects fails instead of having them.
 * @param timeoutMs how long one batch may take before it is asked one by one, and one question before it is estimated
 */
export async function countRows(
    client: Client,
    questions: readonly CountQuestion[],
    timeoutMs: number,
): Promise<Count[]> {
    const counts: Count[] = [];
    for (let i = 0; i < questions.length; i += batchSize) {
        const batch = questions.slice(i, i + batchSize);
        const together = await ask(
            client,
            batch.map((q) => q.sql),
            timeoutMs,
        );
        if (together !== undefined) counts.push(...together.map((rows) => ({ rows, exact: true })));
        else for (const question of batch) counts.push(await countOne(client, question, timeoutMs));
    }
    return counts;
}

async function countOne(client: Client, question: CountQuestion, timeoutMs: number): Promise<Count> {
    const exact = await ask(client, [question.sql], timeoutMs);
    if (exact?.[0] !== undefined) return { rows: exact[0], exact: true };
    if (question.fallback !== undefined) {
        const bound = await ask(client, [question.fallback], timeoutMs);
        if (bound?.[0] !== undefined) return { rows: bound[0], exact: false };
    }
    const { rows } = await client.query<{ rows: number | null }>({
        // -1: never analyzed, nothing is known. A partitioned table's own is not the sum of its partitions'.
        text: `SELECT CASE WHEN bool_and(c.reltuples >= 0) THEN sum(c.reltuples) END::float8 AS rows FROM pg_catalog.pg_class c
                WHERE c.oid IN (SELECT relid FROM pg_catalog.pg_partition_tree(to_regclass($1)) WHERE isleaf)
                   OR (c.oid = to_regclass($1) AND c.relkind <> 'p')`,
        values: [question.relation],
    });
    return { rows: rows[0]?.rows ?? null, exact: false, estimated: true };
}

async function ask(client: Client, scalars: readonly string[], timeoutMs: number): Promise<number[] | undefined> {
    await client.query(`SAVEPOINT schemaward_count; SET LOCAL statement_timeout = ${Math.trunc(timeoutMs)}`);
    try {
        const { rows } = await client.query<string[]>({
            text: `SELECT ${scalars.map((s) => `(${s})`).join(", ")}`,
            rowMode: "array",
        });
        await client.query("RELEASE SAVEPOINT schemaward_count");
        return rows[0]?.map(Number);
    } catch (error) {
        if ((error as { code?: unknown }).code === undefined) throw error;
        await client.query("ROLLBACK TO SAVEPOINT schemaward_count; RELEASE SAVEPOINT schemaward_count");
        return undefined;
    }
}

export interface RelationFacts {
    /** Schema-qualified, quoted: `public.feature_flags`. */
    readonly qualified: string;
    /** Bytes with indexes and TOAST, partitions included; 0 of a table that has no page of rows: what else it has on disk is no data. */
    readonly bytes: number;
    readonly columns: ReadonlySet<string>;
    /** Of a view the tables that it selects from, itself or through other views; its rows are theirs. Of all others none. */
    readonly behind: readonly string[];
    /** Whether a trigger on it, or on what is under it, may set other columns than an UPDATE does. */
    readonly setsOnUpdate: boolean;
    /** No page on disk, so no row: need not be counted. */
    readonly isEmpty: boolean;
}

/**
 * Facts of relations by name as the search_path resolves it; a name that is not there is left out. What is expected to be asked for can be
 * read ahead, while the steps are still being judged: the sizes of a thousand tables take the server a while.
 */
export class RelationReader {
    private readonly asked = new Set<string>();
    private readonly known = new Map<string, RelationFacts>();
    private readonly answers: Promise<void>[] = [];
    private waiting = new Set<string>();

    constructor(private readonly client: Client) {}

    /** Names that `read` will be asked for, most likely. */
    expect(names: readonly string[]): void {
        for (const name of names) if (!this.asked.has(name)) this.waiting.add(name);
        if (this.waiting.size >= aheadSize) this.ask();
    }

    /** @throws pg's DatabaseError, also for what was read ahead */
    async read(names: readonly string[]): Promise<Map<string, RelationFacts>> {
        if (names.length === 0) return new Map();
        this.expect(names);
        this.ask();
        await Promise.all(this.answers);
        return new Map(
            names.flatMap((name) => {
                const found = this.known.get(name);
                return found === undefined ? [] : [[name, found] as const];
            }),
        );
    }

    private ask(): void {
        if (this.waiting.size === 0) return;
        for (const name of this.waiting) this.asked.add(name);
        const answer = readRelations(this.client, [...this.waiting]).then((found) => {
            for (const [name, facts] of found) this.known.set(name, facts);
        });
        // An error is for whoever reads; nobody may.
        answer.catch(() => undefined);
        this.answers.push(answer);
        this.waiting.clear();
    }
}

const aheadSize = 200;

async function readRelations(client: Client, names: readonly string[]): Promise<Map<string, RelationFacts>> {
    const { rows } = await client.query<{
        name: string;
        qualified: string;
        bytes: string;
        columns: string[];
        behind: string[];
        setsOnUpdate: boolean;
        isEmpty: boolean;
    }>({
        text: `SELECT w.name, format('%I.%I', n.nspname, c.relname) AS qualified,
                      (CASE WHEN e.empty THEN 0
                            WHEN c.relkind = 'p' THEN (SELECT sum(pg_total_relation_size(t.relid)) FROM pg_catalog.pg_partition_tree(c.oid) t)
                            ELSE pg_total_relation_size(c.oid) END)::text AS bytes,
                      ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a
                             WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
                      CASE c.relkind WHEN 'v' THEN ARRAY(WITH RECURSIVE views(oid) AS (SELECT c.oid UNION
                                SELECT s.source FROM views JOIN ${ruleSources} AS s ON s.relation = views.oid)
                            SELECT format('%I.%I', s.nspname, t.relname) FROM views JOIN pg_catalog.pg_class t ON t.oid = views.oid
                              JOIN pg_catalog.pg_namespace s ON s.oid = t.relnamespace WHERE t.relkind <> 'v') ELSE '{}'::text[] END AS behind,
                      -- 19: BEFORE, UPDATE, FOR EACH ROW; with a list of columns it is not set off by one that the plan adds.
                      (c.relhastriggers OR c.relhassubclass) AND EXISTS (WITH RECURSIVE under(oid) AS (SELECT c.oid UNION
                                SELECT i.inhrelid FROM under JOIN pg_catalog.pg_inherits i ON i.inhparent = under.oid)
                            SELECT FROM under JOIN pg_catalog.pg_trigger t ON t.tgrelid = under.oid
                             WHERE NOT t.tgisinternal AND t.tgenabled <> 'D' AND t.tgtype & 19 = 19 AND t.tgattr::text = '') AS "setsOnUpdate",
                      e.empty AS "isEmpty"
                 FROM unnest($1::text[]) AS w(name)
                 JOIN pg_catalog.pg_class c ON c.oid = to_regclass(w.name)
                 JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                 -- OFFSET keeps it from being worked out twice.
                 CROSS JOIN LATERAL (SELECT c.relkind = 'r' AND NOT c.relhassubclass AND pg_relation_size(c.oid) = 0 AS empty OFFSET 0) e`,
        values: [names],
    });
    return new Map(
        rows.map((r) => [
            r.name,
            {
                qualified: r.qualified,
                bytes: Number(r.bytes),
                columns: new Set(r.columns),
                behind: r.behind,
                setsOnUpdate: r.setsOnUpdate,
                isEmpty: r.isEmpty,
            },
        ]),
    );
}
