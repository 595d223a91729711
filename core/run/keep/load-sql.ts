import { escapeLiteral } from "../../driver";
import { isCurrent } from "../../history/kept";
import { block, type KeepPlace, ofPlace, pinned } from "./keep-sql";

/** The entries that a version loads back: of each table and column the newest. */
const newest = (place: KeepPlace): string => `
    SELECT DISTINCT ON (object, column_name) * FROM schemaward.kept entry
     WHERE ${ofPlace(place)} AND loaded_at IS NULL AND ${isCurrent}
     ORDER BY object, column_name, id DESC`;

/**
 * SQL for an up script's transaction, before the script: notes which of the tables to be loaded are there already.
 */
export function beforeLoadSql(place: KeepPlace): string {
    return block(`
BEGIN
    DELETE FROM schemaward.keep_guard WHERE ${ofPlace(place)};
    INSERT INTO schemaward.keep_guard (set_name, version, object, subobject, name, names)
    SELECT DISTINCT ${escapeLiteral(place.set)}, ${escapeLiteral(place.version)}, to_regclass(object)::oid, 0, object, ARRAY[object]
      FROM (${newest(place)}) k WHERE kind = 'table' AND to_regclass(object) IS NOT NULL;
END`);
}

/**
 * SQL for the same transaction, after the script; as the role that logs in, with search_path = pg_catalog. Rows are written as the table's owner, so
 * that no code of that owner's runs as us. The rule:
 *
 * - Into a table that the script has made, under a name that was free, the kept rows go back. Rows that the script itself inserts as constants give
 *   way (`seeded`); what it copies from other tables stays, and kept rows with the same primary key stay kept.
 * - A table that was there before the script is not touched: somebody else's rows may be in it.
 * - A column's kept value takes the place of what the script gave it, in each row that is still there by its primary key, whatever else of it was
 *   changed meanwhile; rows that came meanwhile have what the script gave them.
 * - What has no place (a row whose parent is gone, a value whose row is gone) stays kept, and is told.
 * - No trigger of the user's fires. What cannot be loaded at all (a type that does not take the value, a constraint) stays kept, is told, and does not
 *   fail the migration.
 * @param seeded tables, as `Kept.object` names them, into which the script puts nothing but constants, in a single transaction
 */
export function loadSql(place: KeepPlace, seeded: readonly string[]): string {
    const seededNames = `ARRAY[${seeded.map(escapeLiteral).join(", ")}]::text[]`;
    return block(`
DECLARE
    k record; pending bigint[]; ordered bigint[] := '{}'; next bigint; rel regclass; own name; fires record; con record; seq record;
    switched text[] := '{}'; statement text; refused jsonb := '{}'; target text; names text; typed text; fits text; n bigint; left_over bigint; biggest bigint;
    state text; what text; constraint_ text; column_ text;
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
        CONTINUE WHEN rel IS NULL OR NOT EXISTS (SELECT FROM pg_class WHERE oid = rel AND relkind IN ('r', 'p'));
        BEGIN
            FOR fires IN SELECT t.tgrelid::regclass AS of, t.tgname, t.tgenabled FROM pg_trigger t
                          WHERE t.tgrelid IN (SELECT rel::oid UNION SELECT relid::oid FROM pg_partition_tree(rel))
                            AND NOT t.tgisinternal AND t.tgparentid = 0 AND t.tgenabled IN ('O', 'A') LOOP
                EXECUTE format('ALTER TABLE %s DISABLE TRIGGER %I', fires.of, fires.tgname);
                switched := switched || format('ALTER TABLE %s ENABLE %sTRIGGER %I', fires.of, CASE fires.tgenabled WHEN 'A' THEN 'ALWAYS ' ELSE '' END, fires.tgname);
            END LOOP;
        EXCEPTION WHEN syntax_error_or_access_rule_violation OR object_not_in_prerequisite_state THEN
            -- Then it is not loaded: a trigger of the user's could do anything.
            refused := refused || jsonb_build_object(k.id::text, 'its triggers cannot be switched off');
        END;
    END LOOP;
    -- Children first: the constants that the script has put into tables that it has made. By the transaction that wrote them, and never where that takes or
    -- changes a row of a table beyond these.
    FOR k IN SELECT x.* FROM unnest(ordered) WITH ORDINALITY AS o (id, n) JOIN schemaward.kept x ON x.id = o.id
              WHERE x.kind = 'table' AND x.object = ANY (${seededNames}) ORDER BY o.n DESC LOOP
        rel := to_regclass(k.object);
        CONTINUE WHEN rel IS NULL OR refused ? k.id::text OR EXISTS (SELECT FROM schemaward.keep_guard WHERE ${ofPlace(place)} AND name = k.object)
                   OR NOT EXISTS (SELECT FROM pg_class WHERE oid = rel AND relkind = 'r' AND NOT relispartition)
                   OR EXISTS (SELECT FROM pg_rewrite WHERE ev_class = rel)
                   OR EXISTS (SELECT FROM pg_inherits WHERE inhparent = rel OR inhrelid = rel)
                   OR EXISTS (SELECT FROM pg_constraint c WHERE c.contype = 'f' AND c.confrelid = rel AND c.confdeltype NOT IN ('a', 'r')
                                 AND c.conrelid <> ALL (SELECT to_regclass(y.object) FROM unnest(ordered) AS o (id) JOIN schemaward.kept y ON y.id = o.id
                                                         WHERE y.kind = 'table' AND y.object = ANY (${seededNames}) AND to_regclass(y.object) IS NOT NULL
                                                           AND NOT EXISTS (SELECT FROM schemaward.keep_guard WHERE ${ofPlace(place)} AND name = y.object)));
        BEGIN
            EXECUTE format('DELETE FROM ONLY %s WHERE xmin::text = (pg_current_xact_id()::xid)::text', rel);
        EXCEPTION WHEN integrity_constraint_violation THEN
            -- Somebody's row refers to one of these: they stay.
            NULL;
        END;
    END LOOP;
    FOR k IN SELECT x.* FROM unnest(ordered) WITH ORDINALITY AS o (id, n) JOIN schemaward.kept x ON x.id = o.id ORDER BY o.n LOOP
        rel := to_regclass(k.object);
        n := 0;
        BEGIN
            IF rel IS NULL THEN
                RAISE EXCEPTION 'there is no table of that name any more' USING ERRCODE = 'SW002';
            END IF;
            IF NOT EXISTS (SELECT FROM pg_class WHERE oid = rel AND relkind IN ('r', 'p')) THEN
                RAISE EXCEPTION 'it is no table any more' USING ERRCODE = 'SW002';
            END IF;
            IF k.kind = 'table' AND EXISTS (SELECT FROM schemaward.keep_guard WHERE ${ofPlace(place)} AND name = k.object) THEN
                RAISE EXCEPTION 'a table of that name was there before the script' USING ERRCODE = 'SW002';
            END IF;
            IF refused ? k.id::text THEN
                RAISE EXCEPTION '%', refused ->> k.id::text USING ERRCODE = 'SW002';
            END IF;
            SELECT pg_get_userbyid(relowner) INTO own FROM pg_class WHERE oid = rel;
            -- Without length or precision: an explicit cast would cut off what does not fit, an assignment refuses it.
            SELECT string_agg(format('%I', a.attname), ', ' ORDER BY u.i),
                   string_agg(format('s.c%s::%s AS %I', u.i, format_type(a.atttypid, -1), a.attname), ', ' ORDER BY u.i)
              INTO names, typed
              FROM unnest(k.columns) WITH ORDINALITY AS u (c, i)
              JOIN pg_attribute a ON a.attrelid = rel AND a.attname = u.c AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '';
            fits := 'true';
            FOR con IN SELECT c.conkey, c.confkey, c.conpfeqop, c.confrelid::regclass AS parent FROM pg_constraint c
                        WHERE c.conrelid = rel AND c.contype = 'f' AND c.confrelid <> rel
                          -- All of its columns are among what was kept: else it is the constraint itself that decides.
                          AND NOT EXISTS (SELECT FROM unnest(c.conkey) AS m (attnum) JOIN pg_attribute a ON a.attrelid = rel AND a.attnum = m.attnum
                                           WHERE a.attname <> ALL (k.columns) OR a.attgenerated <> '')
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
            -- The primary key, each column by the equality of its own index.
            SELECT string_agg(format('t.%1$I OPERATOR(%2$I.%3$s) k.%1$I', a.attname, opn.nspname, op.oprname), ' AND ') INTO target
              FROM pg_index i, unnest(i.indkey, i.indclass) WITH ORDINALITY AS u (attnum, opc, pos)
              JOIN pg_opclass oc ON oc.oid = u.opc
              JOIN pg_amop am ON am.amopfamily = oc.opcfamily AND am.amoplefttype = oc.opcintype AND am.amoprighttype = oc.opcintype AND am.amopstrategy = 3
              JOIN pg_operator op ON op.oid = am.amopopr JOIN pg_namespace opn ON opn.oid = op.oprnamespace
              JOIN pg_attribute a ON a.attnum = u.attnum
             WHERE i.indrelid = rel AND i.indisprimary AND a.attrelid = rel AND u.pos <= i.indnkeyatts AND a.attname = ANY (k.columns);
            -- Undone with all else when something fails.
            EXECUTE format('GRANT USAGE ON SCHEMA schemaward TO %I', own);
            EXECUTE format('GRANT SELECT, DELETE ON schemaward.kept_%s TO %I', k.id, own);
            EXECUTE format('SET LOCAL ROLE %I', own);
            IF k.kind = 'table' THEN
                IF target IS NULL THEN
                    EXECUTE format('SELECT count(*) FROM (SELECT FROM %s LIMIT 1) AS one', rel) INTO n;
                    IF n > 0 THEN
                        RAISE EXCEPTION 'the script has put rows into it, and without a primary key nobody can tell which of them are the kept ones' USING ERRCODE = 'SW002';
                    END IF;
                ELSE
                    fits := format('%s AND NOT EXISTS (SELECT FROM %s t WHERE %s)', fits, rel, target);
                END IF;
                EXECUTE format($q$
                    WITH k AS MATERIALIZED (SELECT s.ctid AS schemaward_row%s FROM schemaward.kept_%s s),
                         fit AS MATERIALIZED (SELECT * FROM k WHERE %s),
                         added AS (INSERT INTO %s %s SELECT %s FROM fit),
                         done AS (DELETE FROM schemaward.kept_%s WHERE ctid IN (SELECT schemaward_row FROM fit))
                    SELECT count(*) FROM fit$q$,
                    coalesce(', ' || typed, ''), k.id, fits, rel,
                    CASE WHEN names IS NULL THEN '' ELSE format('(%s) OVERRIDING SYSTEM VALUE', names) END, coalesce(names, ''), k.id) INTO n;
                -- Sequences that give its columns their values, owned by them or not, go on beyond what is there.
                FOR seq IN SELECT a.attname AS col, s.seqrelid::regclass AS of, (k.sequences ->> a.attname)::bigint AS last FROM pg_attribute a
                             JOIN pg_sequence s ON s.seqincrement > 0
                              AND (s.seqrelid = pg_get_serial_sequence(rel::text, a.attname)::regclass
                                   OR EXISTS (SELECT FROM pg_attrdef ad JOIN pg_depend d ON d.classid = 'pg_attrdef'::regclass AND d.objid = ad.oid
                                               WHERE ad.adrelid = rel AND ad.adnum = a.attnum AND d.refclassid = 'pg_class'::regclass AND d.refobjid = s.seqrelid))
                            WHERE a.attrelid = rel AND a.attnum > 0 AND NOT a.attisdropped AND a.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype) LOOP
                    EXECUTE format('SELECT greatest(%s, (SELECT max(%I)::bigint FROM %s), (SELECT CASE WHEN is_called THEN last_value END FROM %s))',
                        coalesce(seq.last::text, 'NULL'), seq.col, rel, seq.of) INTO biggest;
                    IF biggest IS NOT NULL THEN PERFORM setval(seq.of, biggest); END IF;
                END LOOP;
            ELSE
                IF target IS NULL OR NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = rel AND attname = k.column_name AND NOT attisdropped AND attgenerated = '') THEN
                    RAISE EXCEPTION 'the column, or the primary key of its table, is not what it was' USING ERRCODE = 'SW002';
                END IF;
                EXECUTE format($q$
                    WITH k AS MATERIALIZED (SELECT s.ctid AS schemaward_row, %s FROM schemaward.kept_%s s),
                         fit AS MATERIALIZED (SELECT * FROM k WHERE %s),
                         given AS (UPDATE %s t SET %6$I = k.%6$I FROM fit k WHERE %5$s RETURNING k.schemaward_row),
                         done AS (DELETE FROM schemaward.kept_%2$s WHERE ctid IN (SELECT schemaward_row FROM given))
                    SELECT count(*) FROM given$q$, typed, k.id, fits, rel, target, k.column_name) INTO n;
            END IF;
            RESET ROLE;
            EXECUTE format('REVOKE USAGE ON SCHEMA schemaward FROM %I', own);
            EXECUTE format('REVOKE ALL ON schemaward.kept_%s FROM %I', k.id, own);
            EXECUTE format('SELECT count(*) FROM schemaward.kept_%s', k.id) INTO left_over;
            UPDATE schemaward.kept SET loaded_at = clock_timestamp(), loaded_run = ${escapeLiteral(place.runId)}, loaded_rows = n, error = NULL WHERE id = k.id;
            IF left_over = 0 THEN
                EXECUTE format('DROP TABLE schemaward.kept_%s', k.id);
            ELSE
                RAISE NOTICE 'kept: % of % rows of % have no place any more and stay in schemaward.kept_%', left_over, k.rows,
                    k.object || coalesce('.' || k.column_name, ''), k.id;
            END IF;
            RAISE NOTICE 'kept: % rows of % are back', n, k.object || coalesce('.' || k.column_name, '');
        EXCEPTION
            WHEN lock_not_available OR transaction_rollback OR insufficient_resources OR operator_intervention OR system_error OR internal_error THEN
                RAISE;
            WHEN OTHERS THEN
                RESET ROLE;
                GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, what = MESSAGE_TEXT, constraint_ = CONSTRAINT_NAME, column_ = COLUMN_NAME;
                -- Messages about values have the values in them.
                IF state NOT LIKE 'SW%' AND state NOT LIKE '42%' THEN
                    what := 'SQLSTATE ' || state || coalesce(', constraint ' || nullif(constraint_, ''), '') || coalesce(', column ' || nullif(column_, ''), '');
                END IF;
                UPDATE schemaward.kept SET error = what, loaded_run = ${escapeLiteral(place.runId)} WHERE id = k.id;
                RAISE NOTICE 'kept: the % rows of % could NOT be loaded back and stay in schemaward.kept_%: %', k.rows,
                    k.object || coalesce('.' || k.column_name, ''), k.id, what;
        END;
    END LOOP;
    FOREACH statement IN ARRAY switched LOOP
        EXECUTE statement;
    END LOOP;
    DELETE FROM schemaward.keep_guard WHERE ${ofPlace(place)};
END`);
}
