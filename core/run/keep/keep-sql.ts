import { escapeLiteral } from "../../driver";

/** A table or a column that a step destroys. */
export interface KeptObject {
    readonly kind: "table" | "column";
    /** `public.users`, as SQL writes it. */
    readonly table: string;
    /** Of a column: its name, without quotes. */
    readonly column?: string;
    /** `public.users`, `public.users.email`, as SQL writes it. */
    readonly name: string;
}

export interface KeepPlace {
    readonly set: string;
    readonly version: string;
    readonly runId: string;
}

/** Condition on the rows of a version of a set, in whichever table of the ledger. */
export function ofPlace({ set, version }: KeepPlace): string {
    return `set_name = ${escapeLiteral(set)} AND version = ${escapeLiteral(version)}`;
}

/** Settings under which values are written as text and read again, as pg_dump has them. */
export const pinned = `
    PERFORM set_config('DateStyle', 'ISO, MDY', true), set_config('IntervalStyle', 'postgres', true),
            set_config('extra_float_digits', '3', true), set_config('bytea_output', 'hex', true),
            set_config('lc_monetary', 'C', true), set_config('TimeZone', 'UTC', true),
            set_config('xmloption', 'content', true), set_config('row_security', 'off', true);`;

/**
 * Tables and columns of the user's with something in them, but for what the ledger keeps itself; each with the names under which a plan may have
 * it: a partition goes with the tables that it is a part of, an inherited column with that of the parents.
 */
const withRows = ({ set, version }: KeepPlace, historyTable: string | undefined): string => `
    WITH RECURSIVE up AS (
        SELECT oid AS rel, oid AS ancestor FROM pg_class WHERE relkind IN ('r', 'p')
        UNION SELECT up.rel, i.inhparent FROM up JOIN pg_inherits i ON i.inhrelid = up.ancestor)
    SELECT ${escapeLiteral(set)}, ${escapeLiteral(version)}, c.oid, a.attnum::integer, format('%I.%I', n.nspname, c.relname) || a.suffix,
           ARRAY(SELECT format('%I.%I', pn.nspname, p.relname) || a.suffix FROM up JOIN pg_class p ON p.oid = up.ancestor JOIN pg_namespace pn ON pn.oid = p.relnamespace
                  WHERE up.rel = c.oid AND (p.oid = c.oid OR p.relkind = 'p' OR a.inherited))
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      JOIN LATERAL (SELECT 0::smallint AS attnum, '' AS suffix, false AS inherited
                    UNION ALL SELECT attnum, format('.%I', attname), attinhcount > 0 FROM pg_attribute
                               WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = '') a ON true
     WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND pg_relation_size(c.oid) > 0
       AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'schemaward')
       ${historyTable === undefined ? "" : `AND c.oid IS DISTINCT FROM to_regclass(${escapeLiteral(historyTable)})`}`;

/**
 * SQL that keeps what a step is going to destroy, for the step's own transaction, before its script; as the role that logs in, with search_path =
 * pg_catalog. Nobody writes to those tables from here on. Of a column it keeps the primary key with the value; a table without one is left out.
 */
export function keepSql(objects: readonly KeptObject[], place: KeepPlace, historyTable: string | undefined): string {
    const list = objects
        .map(({ kind, table, column }) =>
            [kind, table, column ?? null].map((v) => (v === null ? "NULL" : escapeLiteral(v))).join(", "),
        )
        .map((row) => `(${row})`);
    // An empty list of rows is none in SQL.
    const rows = list.length === 0 ? "SELECT NULL, NULL, NULL WHERE false" : `VALUES ${list.join(", ")}`;
    return block(`
DECLARE
    wanted record; rel regclass; cols text[]; whole boolean; entry bigint; n bigint; seqs jsonb; seq record; last bigint;
BEGIN
    ${pinned}
    -- Else what others commit while a lock is waited for would be destroyed and not be kept.
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'keepData needs the isolation level READ COMMITTED, and this transaction has %', upper(current_setting('transaction_isolation')) USING ERRCODE = 'SW001';
    END IF;
    DELETE FROM schemaward.keep_guard WHERE ${ofPlace(place)};
    INSERT INTO schemaward.keep_guard (set_name, version, object, subobject, name, names) ${withRows(place, historyTable)};
    FOR wanted IN SELECT * FROM (${rows}) AS v (kind, object, col) LOOP
        rel := to_regclass(wanted.object);
        IF rel IS NULL OR NOT EXISTS (SELECT FROM pg_class WHERE oid = rel AND relkind IN ('r', 'p')) THEN
            RAISE EXCEPTION 'keepData: % is not there as the plan has it', wanted.object USING ERRCODE = 'SW001';
        END IF;
        EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', rel);
        IF wanted.kind = 'table' THEN
            SELECT array_agg(attname::text ORDER BY attnum) INTO cols FROM pg_attribute
             WHERE attrelid = rel AND attnum > 0 AND NOT attisdropped AND attgenerated = '';
        ELSE
            SELECT array_agg(a.attname::text ORDER BY k.n) || wanted.col INTO cols
              FROM pg_index i, unnest(i.indkey) WITH ORDINALITY AS k (attnum, n)
              JOIN pg_attribute a ON a.attnum = k.attnum
             WHERE i.indrelid = rel AND i.indisprimary AND a.attrelid = rel AND k.n <= i.indnkeyatts;
            IF cardinality(cols) IS NULL OR cardinality(cols) < 2 OR array_position(cols, wanted.col) < cardinality(cols) THEN
                RAISE EXCEPTION 'keepData: %.% cannot be kept as planned: its table has no primary key by now', wanted.object, wanted.col USING ERRCODE = 'SW001';
            END IF;
        END IF;
        seqs := '{}';
        FOR seq IN SELECT a.attname, pg_get_serial_sequence(rel::text, a.attname) AS name FROM pg_attribute a
                    WHERE wanted.kind = 'table' AND a.attrelid = rel AND a.attnum > 0 AND NOT a.attisdropped
                      AND pg_get_serial_sequence(rel::text, a.attname) IS NOT NULL LOOP
            EXECUTE format('SELECT CASE WHEN is_called THEN last_value END FROM %s', seq.name) INTO last;
            IF last IS NOT NULL THEN seqs := seqs || jsonb_build_object(seq.attname, last); END IF;
        END LOOP;
        SELECT relkind = 'p' INTO whole FROM pg_class WHERE oid = rel;
        INSERT INTO schemaward.kept (set_name, version, kind, object, column_name, columns, sequences, run_id)
        VALUES (${[place.set, place.version].map(escapeLiteral).join(", ")}, wanted.kind, wanted.object, wanted.col, coalesce(cols, '{}'), seqs, ${escapeLiteral(place.runId)})
        RETURNING id INTO entry;
        EXECUTE format('CREATE TABLE schemaward.kept_%s AS SELECT %s FROM %s%s', entry,
            (SELECT coalesce(string_agg(format('CASE WHEN num_nulls(%1$I) = 1 THEN NULL ELSE format(''%%s'', %1$I) END AS c%2$s', c, i), ', ' ORDER BY i), 'NULL AS c0')
               FROM unnest(cols) WITH ORDINALITY AS u (c, i)),
            CASE WHEN whole OR wanted.kind = 'column' THEN '' ELSE 'ONLY ' END, rel);
        GET DIAGNOSTICS n = ROW_COUNT;
        UPDATE schemaward.kept SET rows = n WHERE id = entry;
    END LOOP;
END`);
}

/**
 * SQL for the same transaction, after the script: fails when a table or column with rows in it is gone that is none of `known`. What a plan could
 * not see coming is so not lost behind anybody's back.
 */
export function guardSql(known: readonly KeptObject[], place: KeepPlace): string {
    const names = `ARRAY[${known.map(({ name }) => escapeLiteral(name)).join(", ")}]::text[]`;
    return block(`
DECLARE
    gone text;
BEGIN
    SELECT string_agg(g.name, ', ' ORDER BY g.name) INTO gone FROM schemaward.keep_guard g
     WHERE ${ofPlace(place)} AND NOT g.names && ${names}
       AND CASE WHEN g.subobject = 0 THEN NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = g.object)
                ELSE EXISTS (SELECT FROM pg_class c WHERE c.oid = g.object)
                     AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = g.object AND a.attnum = g.subobject AND NOT a.attisdropped) END;
    DELETE FROM schemaward.keep_guard WHERE ${ofPlace(place)};
    IF gone IS NOT NULL THEN
        RAISE EXCEPTION 'keepData: the script destroys % as well, with what is in it, and the plan did not see that', gone USING ERRCODE = 'SW001';
    END IF;
END`);
}

/** A block of PL/pgSQL, in a dollar quote that its body does not hold, whatever names are in it. */
export function block(body: string): string {
    let tag = "$schemaward$";
    for (let n = 1; body.includes(tag); n++) tag = `$schemaward${String(n)}$`;
    return `DO LANGUAGE plpgsql ${tag}${body} ${tag}`;
}
