import { escapeLiteral } from "../../driver";
import { block, type KeepPlace, pinned } from "./keep-sql";

/** The entries that a version loads back: of each table and column the newest. */
const newest = ({ set, version }: KeepPlace): string => `
    SELECT DISTINCT ON (object, column_name) * FROM schemaward.kept
     WHERE set_name = ${escapeLiteral(set)} AND version = ${escapeLiteral(version)} AND loaded_at IS NULL
     ORDER BY object, column_name, id DESC`;

/**
 * SQL for an up script's transaction, before the script: notes which of the tables to be loaded are there already, so that what is in them is
 * not the script's own.
 */
export function beforeLoadSql(place: KeepPlace): string {
    return block(`
BEGIN
    DELETE FROM schemaward.keep_guard;
    INSERT INTO schemaward.keep_guard (object, subobject, name, root)
    SELECT DISTINCT to_regclass(object), 0, object, object FROM (${newest(place)}) k WHERE kind = 'table' AND to_regclass(object) IS NOT NULL;
END`);
}

/**
 * SQL for the same transaction, after the script; as the role that logs in, with search_path = pg_catalog. The rule:
 *
 * - A table that the script has made holds what it held when it was dropped: what the script itself inserts gives way.
 * - Of a table that was there before the script, rows whose primary key is not there are added; the others stay as they are.
 * - A column's kept value takes the place of what the script gave it, in each row that is still there by its primary key, whatever else
 *   of it was changed meanwhile; rows that came meanwhile have what the script gave them.
 * - What has no place any more (a row whose parent is gone, a value whose row is gone) stays kept, and is told.
 * - No trigger of the user's fires. What cannot be loaded at all (a type that does not take the value, a constraint) stays kept, is told, and
 *   does not fail the migration.
 */
export function loadSql(place: KeepPlace): string {
    return block(`
DECLARE
    k record; pending bigint[]; ordered bigint[] := '{}'; next bigint; rel regclass; fires record; switched text[] := '{}'; statement text; con record; seq record;
    target text; names text; typed text; fits text; n bigint; left_over bigint; biggest bigint; existed boolean;
BEGIN
    ${pinned}
    SELECT array_agg(id ORDER BY kind DESC, id) INTO pending FROM (${newest(place)}) AS x;
    -- Parents first; where tables refer to each other in a circle, any order.
    WHILE cardinality(pending) > 0 LOOP
        SELECT p.id INTO next FROM unnest(pending) WITH ORDINALITY AS p (id, n) JOIN schemaward.kept x ON x.id = p.id
         ORDER BY x.kind = 'column', EXISTS (
                SELECT FROM pg_constraint c JOIN schemaward.kept y ON c.confrelid = to_regclass(y.object)
                 WHERE c.contype = 'f' AND c.conrelid = to_regclass(x.object) AND c.confrelid <> c.conrelid
                   AND y.id = ANY (pending) AND y.kind = 'table'), p.n LIMIT 1;
        ordered := ordered || next;
        pending := array_remove(pending, next);
    END LOOP;
    FOR k IN SELECT x.* FROM unnest(ordered) WITH ORDINALITY AS o (id, n) JOIN schemaward.kept x ON x.id = o.id ORDER BY o.n LOOP
        rel := to_regclass(k.object);
        CONTINUE WHEN rel IS NULL;
        FOR fires IN SELECT tgname, tgenabled FROM pg_trigger WHERE tgrelid = rel AND NOT tgisinternal AND tgenabled IN ('O', 'A') LOOP
            switched := switched || format('ALTER TABLE %s ENABLE %sTRIGGER %I', rel, CASE fires.tgenabled WHEN 'A' THEN 'ALWAYS ' ELSE '' END, fires.tgname);
            EXECUTE format('ALTER TABLE %s DISABLE TRIGGER %I', rel, fires.tgname);
        END LOOP;
    END LOOP;
    -- Children first: what the script itself has put into tables that it has made.
    FOR k IN SELECT x.* FROM unnest(ordered) WITH ORDINALITY AS o (id, n) JOIN schemaward.kept x ON x.id = o.id
              WHERE x.kind = 'table' ORDER BY o.n DESC LOOP
        rel := to_regclass(k.object);
        CONTINUE WHEN rel IS NULL OR EXISTS (SELECT FROM schemaward.keep_guard WHERE object = rel);
        BEGIN
            EXECUTE format('DELETE FROM %s', rel);
        EXCEPTION WHEN integrity_constraint_violation THEN
            -- Somebody else's row refers to one of these: they stay, and are taken for rows that were there before.
            INSERT INTO schemaward.keep_guard (object, subobject, name, root) VALUES (rel, 0, k.object, k.object);
        END;
    END LOOP;
    FOR k IN SELECT x.* FROM unnest(ordered) WITH ORDINALITY AS o (id, n) JOIN schemaward.kept x ON x.id = o.id ORDER BY o.n LOOP
        rel := to_regclass(k.object);
        existed := EXISTS (SELECT FROM schemaward.keep_guard WHERE object = rel);
        n := 0;
        BEGIN
            IF rel IS NULL THEN
                RAISE EXCEPTION 'there is no table % any more', k.object USING ERRCODE = '42P01';
            END IF;
            -- Without length or precision: an explicit cast would cut off what does not fit, an assignment refuses it.
            SELECT string_agg(format('%I', a.attname), ', ' ORDER BY u.i),
                   string_agg(format('s.c%s::%s AS %I', u.i, format_type(a.atttypid, -1), a.attname), ', ' ORDER BY u.i)
              INTO names, typed
              FROM unnest(k.columns) WITH ORDINALITY AS u (c, i)
              JOIN pg_attribute a ON a.attrelid = rel AND a.attname = u.c AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '';
            fits := 'true';
            FOR con IN SELECT c.conkey, c.confkey, c.conpfeqop, c.confrelid::regclass AS parent FROM pg_constraint c
                        WHERE c.conrelid = rel AND c.contype = 'f' AND c.confrelid <> rel
                          AND (k.kind = 'table' OR EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = rel AND a.attname = k.column_name AND a.attnum = ANY (c.conkey))) LOOP
                SELECT fits || format(' AND (NOT (%s) OR EXISTS (SELECT FROM %s p WHERE %s))',
                           string_agg(format('k.%I IS NOT NULL', a.attname), ' AND '), con.parent,
                           string_agg(format('p.%I OPERATOR(%I.%s) k.%I', f.attname, opn.nspname, op.oprname, a.attname), ' AND '))
                  INTO fits
                  FROM unnest(con.conkey, con.confkey, con.conpfeqop) AS u (mine, theirs, eq)
                  JOIN pg_attribute a ON a.attrelid = rel AND a.attnum = u.mine
                  JOIN pg_attribute f ON f.attrelid = con.parent AND f.attnum = u.theirs
                  JOIN pg_operator op ON op.oid = u.eq JOIN pg_namespace opn ON opn.oid = op.oprnamespace;
            END LOOP;
            IF k.kind = 'table' THEN
                IF existed THEN
                    SELECT fits || format(' AND NOT EXISTS (SELECT FROM %s p WHERE %s)', rel,
                               string_agg(format('p.%1$I::text = k.%1$I::text', a.attname), ' AND '))
                      INTO fits
                      FROM pg_index i JOIN pg_attribute a ON a.attrelid = rel AND a.attnum = ANY (i.indkey)
                     WHERE i.indrelid = rel AND i.indisprimary HAVING count(*) > 0;
                    fits := coalesce(fits, 'false');
                END IF;
                EXECUTE format($q$
                    WITH k AS MATERIALIZED (SELECT s.ctid AS schemaward_row%s FROM schemaward.kept_%s s),
                         fit AS MATERIALIZED (SELECT * FROM k WHERE %s),
                         added AS (INSERT INTO %s %s SELECT %s FROM fit),
                         done AS (DELETE FROM schemaward.kept_%s WHERE ctid IN (SELECT schemaward_row FROM fit))
                    SELECT count(*) FROM fit$q$,
                    coalesce(', ' || typed, ''), k.id, fits, rel,
                    CASE WHEN names IS NULL THEN '' ELSE format('(%s) OVERRIDING SYSTEM VALUE', names) END, coalesce(names, ''), k.id) INTO n;
                FOR seq IN SELECT key AS col, value::bigint AS last, pg_get_serial_sequence(rel::text, key) AS name
                             FROM jsonb_each_text(k.sequences)
                            WHERE EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = rel AND a.attname = key AND NOT a.attisdropped) LOOP
                    CONTINUE WHEN seq.name IS NULL;
                    EXECUTE format('SELECT greatest(%s, CASE WHEN is_called THEN last_value END) FROM %s', seq.last, seq.name) INTO biggest;
                    PERFORM setval(seq.name::regclass, biggest);
                END LOOP;
            ELSE
                SELECT string_agg(format('t.%1$I::text = k.%1$I::text', c), ' AND ') INTO target
                  FROM unnest(k.columns[1:cardinality(k.columns) - 1]) AS u (c);
                EXECUTE format($q$
                    WITH k AS MATERIALIZED (SELECT s.ctid AS schemaward_row, %s FROM schemaward.kept_%s s),
                         fit AS MATERIALIZED (SELECT * FROM k WHERE %s),
                         given AS (UPDATE %s t SET %6$I = k.%6$I FROM fit k WHERE %5$s RETURNING k.schemaward_row),
                         done AS (DELETE FROM schemaward.kept_%2$s WHERE ctid IN (SELECT schemaward_row FROM given))
                    SELECT count(*) FROM given$q$, typed, k.id, fits, rel, target, k.column_name) INTO n;
            END IF;
            EXECUTE format('SELECT count(*) FROM schemaward.kept_%s', k.id) INTO left_over;
            UPDATE schemaward.kept SET loaded_at = clock_timestamp(), loaded_run = ${escapeLiteral(place.runId)}, loaded_rows = n, error = NULL WHERE id = k.id;
            IF left_over = 0 THEN
                EXECUTE format('DROP TABLE schemaward.kept_%s', k.id);
            ELSE
                RAISE NOTICE 'kept: % of % rows of % have no place any more and stay in schemaward.kept_%', left_over, k.rows,
                    k.object || coalesce('.' || k.column_name, ''), k.id;
            END IF;
            RAISE NOTICE 'kept: % rows of % are back', n, k.object || coalesce('.' || k.column_name, '');
        EXCEPTION WHEN integrity_constraint_violation OR data_exception OR syntax_error_or_access_rule_violation THEN
            UPDATE schemaward.kept SET error = SQLERRM, loaded_run = ${escapeLiteral(place.runId)} WHERE id = k.id;
            RAISE NOTICE 'kept: the % rows of % could NOT be loaded back and stay in schemaward.kept_%: %', k.rows,
                k.object || coalesce('.' || k.column_name, ''), k.id, SQLERRM;
        END;
    END LOOP;
    FOREACH statement IN ARRAY switched LOOP
        EXECUTE statement;
    END LOOP;
    DELETE FROM schemaward.keep_guard;
END`);
}
