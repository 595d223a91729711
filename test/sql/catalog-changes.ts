/** A change of one attribute, the way back, and the objects that a comparison must name, and no others. */
export interface AttributeChange {
    readonly forth: string;
    readonly back: string;
    /** `changed column plain.a`, ascending by kind and name. */
    readonly seen: readonly string[];
    /** First major version that knows the statement. */
    readonly since?: number;
}

/** Of the whole server: for grants, policies and storage. */
export const catalogRoles = `
CREATE ROLE app;
CREATE ROLE clerk;
`;

/** Has an object for each attribute below. */
export const catalogSchema = `
CREATE EXTENSION pg_trgm VERSION '1.5';
CREATE ACCESS METHOD heap_too TYPE TABLE HANDLER heap_tableam_handler;
CREATE SCHEMA side;
CREATE SCHEMA home;
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE TYPE address AS (street text, zip varchar(10));
CREATE TYPE spread AS RANGE (subtype = float8);
CREATE DOMAIN amount AS numeric(10, 2) DEFAULT 1 CONSTRAINT amount_ok CHECK (VALUE > 0);
CREATE COLLATION german (provider = libc, locale = 'C');
CREATE SEQUENCE loose;
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE FUNCTION touch_too() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE FUNCTION add(a integer, b integer DEFAULT 1) RETURNS integer LANGUAGE sql AS 'SELECT a + b';
CREATE FUNCTION several() RETURNS SETOF integer LANGUAGE sql AS 'SELECT 1';
CREATE PROCEDURE work() LANGUAGE sql AS 'SELECT 1';
CREATE AGGREGATE total(integer) (sfunc = int4pl, stype = integer, initcond = '0');
CREATE TABLE plain (id integer PRIMARY KEY, a integer, b text, c varchar(10), code integer NOT NULL, d numeric DEFAULT 0,
    twice integer GENERATED ALWAYS AS (a * 2) STORED, CONSTRAINT a_ok CHECK (a > 0), CONSTRAINT b_key UNIQUE (b));
CREATE UNIQUE INDEX plain_code ON plain (code);
CREATE STATISTICS plain_stat (dependencies) ON a, b FROM plain;
CREATE TABLE counted (id integer GENERATED ALWAYS AS IDENTITY, no serial, feeling mood);
CREATE TABLE constants (at timestamptz DEFAULT '2024-01-01 12:00+00', day date DEFAULT '2024-02-01', span interval DEFAULT '1 day 02:00',
    ratio float8 DEFAULT 0.1::float8 + 1e-17, raw bytea DEFAULT '\\x0001ff', price money DEFAULT 12.5, "Odd" text);
CREATE TABLE refers (plain integer CONSTRAINT to_plain REFERENCES plain, span int4range);
CREATE TABLE parent (a integer);
CREATE TABLE child () INHERITS (parent);
CREATE TABLE typed OF address;
CREATE TABLE parts (a integer) PARTITION BY RANGE (a);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (10);
CREATE TABLE keyed (a integer) PARTITION BY RANGE (a);
CREATE VIEW seen AS SELECT id, a FROM plain;
CREATE MATERIALIZED VIEW held AS SELECT id FROM plain;
CREATE TRIGGER touches BEFORE UPDATE ON plain FOR EACH ROW EXECUTE FUNCTION touch();
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON plain FOR EACH ROW EXECUTE FUNCTION touch();
CREATE POLICY own_rows ON plain FOR ALL TO app USING (a > 1) WITH CHECK (a > 2);
CREATE RULE quiet AS ON DELETE TO plain DO ALSO NOTHING;
CREATE FOREIGN DATA WRAPPER nowhere;
CREATE SERVER far TYPE 'file' VERSION '1' FOREIGN DATA WRAPPER nowhere;
CREATE FOREIGN TABLE distant (a integer) SERVER far;
CREATE PUBLICATION pub FOR TABLE plain;
CREATE PUBLICATION all_of_it FOR ALL TABLES;
CREATE FUNCTION on_ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN NULL; END $$;
CREATE EVENT TRIGGER watch ON ddl_command_end EXECUTE FUNCTION on_ddl();
CREATE OPERATOR === (leftarg = integer, rightarg = integer, function = int4eq, commutator = ===);
CREATE OPERATOR FAMILY family USING btree;
CREATE OPERATOR CLASS small_first FOR TYPE integer USING btree FAMILY family AS OPERATOR 1 <, OPERATOR 3 =, FUNCTION 1 btint4cmp(int4, int4);
CREATE CAST (mood AS integer) WITH INOUT;
CREATE TEXT SEARCH DICTIONARY words (template = simple, accept = true);
CREATE TEXT SEARCH CONFIGURATION words (copy = simple);
CREATE TRUSTED LANGUAGE talk HANDLER plpgsql_call_handler;
ALTER DEFAULT PRIVILEGES IN SCHEMA home GRANT SELECT ON TABLES TO app;
`;

const change = (forth: string, back: string, ...seen: string[]): AttributeChange => ({ forth, back, seen });
const since = (major: number, entry: AttributeChange): AttributeChange => ({ ...entry, since: major });

/** A change to an option of an object and the way back: `ALTER <object> <forth>`. */
const alter = (object: string, forth: string, back: string, ...seen: string[]): AttributeChange =>
    change(`ALTER ${object} ${forth}`, `ALTER ${object} ${back}`, ...seen);

/** Dropped and made anew, because no ALTER does it. */
const again = (drop: string, forth: string, back: string, ...seen: string[]): AttributeChange =>
    change(`${drop}; ${forth}`, `${drop}; ${back}`, ...seen);

const comment = (object: string, name: string): AttributeChange =>
    change(`COMMENT ON ${object} IS 'new'`, `COMMENT ON ${object} IS NULL`, `added comment on ${name}`);

const grant = (what: string, to: string, name: string): AttributeChange =>
    change(`GRANT ${what} TO ${to}`, `REVOKE ${what} FROM ${to}`, `added grant on ${name}`);

const fn = (forth: string, back: string): AttributeChange =>
    alter("FUNCTION add(integer, integer)", forth, back, "changed function add(integer, integer)");

const plain = (forth: string, back: string, ...seen: string[]): AttributeChange =>
    alter("TABLE plain", forth, back, ...seen);

const publication = (forth: string, back: string): AttributeChange =>
    alter("PUBLICATION pub", forth, back, "changed publication pub");

const sequence = (forth: string, back: string): AttributeChange =>
    alter("SEQUENCE loose", forth, back, "changed sequence loose");

const index = (rest: string): AttributeChange =>
    again(
        "DROP INDEX plain_code",
        `CREATE ${rest}`,
        "CREATE UNIQUE INDEX plain_code ON plain (code)",
        "changed index plain_code",
    );

const aggregate = (rest: string): AttributeChange =>
    again(
        "DROP AGGREGATE total(integer)",
        `CREATE AGGREGATE total(integer) (${rest})`,
        "CREATE AGGREGATE total(integer) (sfunc = int4pl, stype = integer, initcond = '0')",
        "changed aggregate total(integer)",
    );

const policy = (rest: string): AttributeChange =>
    again(
        "DROP POLICY own_rows ON plain",
        `CREATE POLICY own_rows ON plain ${rest}`,
        "CREATE POLICY own_rows ON plain FOR ALL TO app USING (a > 1) WITH CHECK (a > 2)",
        "changed policy plain.own_rows",
    );

const trigger = (rest: string): AttributeChange =>
    change(
        `CREATE OR REPLACE TRIGGER touches ${rest}`,
        "CREATE OR REPLACE TRIGGER touches BEFORE UPDATE ON plain FOR EACH ROW EXECUTE FUNCTION touch()",
        "changed trigger plain.touches",
    );

const check = (rest: string): AttributeChange =>
    again(
        "ALTER TABLE plain DROP CONSTRAINT a_ok",
        `ALTER TABLE plain ADD CONSTRAINT a_ok ${rest}`,
        "ALTER TABLE plain ADD CONSTRAINT a_ok CHECK (a > 0)",
        "changed constraint plain.a_ok",
    );

const foreignKey = (rest: string): AttributeChange =>
    again(
        "ALTER TABLE refers DROP CONSTRAINT to_plain",
        `ALTER TABLE refers ADD CONSTRAINT to_plain FOREIGN KEY (plain) REFERENCES plain ${rest}`,
        "ALTER TABLE refers ADD CONSTRAINT to_plain FOREIGN KEY (plain) REFERENCES plain",
        "changed constraint refers.to_plain",
    );

const unique = (rest: string): AttributeChange =>
    again(
        "ALTER TABLE plain DROP CONSTRAINT b_key",
        `ALTER TABLE plain ADD CONSTRAINT b_key ${rest}`,
        "ALTER TABLE plain ADD CONSTRAINT b_key UNIQUE (b)",
        "changed constraint plain.b_key",
    );

/** By theme. */
export const attributeChanges: Readonly<Record<string, readonly AttributeChange[]>> = {
    "schemas and extensions": [
        change("CREATE SCHEMA extra", "DROP SCHEMA extra", "added schema extra"),
        change(
            "ALTER SCHEMA side RENAME TO aside",
            "ALTER SCHEMA aside RENAME TO side",
            "added schema aside",
            "dropped schema side",
        ),
        change(
            "ALTER EXTENSION pg_trgm UPDATE TO '1.6'",
            "DROP EXTENSION pg_trgm; CREATE EXTENSION pg_trgm VERSION '1.5'",
            "changed extension pg_trgm",
        ),
        alter("EXTENSION pg_trgm", "SET SCHEMA side", "SET SCHEMA public", "changed extension pg_trgm"),
        alter("EXTENSION pg_trgm", "ADD SEQUENCE loose", "DROP SEQUENCE loose", "dropped sequence loose"),
    ],
    tables: [
        plain("SET (fillfactor = 70)", "RESET (fillfactor)", "changed table plain"),
        plain("SET (toast.autovacuum_enabled = off)", "RESET (toast.autovacuum_enabled)", "changed table plain"),
        plain("ENABLE ROW LEVEL SECURITY", "DISABLE ROW LEVEL SECURITY", "changed table plain"),
        plain("FORCE ROW LEVEL SECURITY", "NO FORCE ROW LEVEL SECURITY", "changed table plain"),
        plain("REPLICA IDENTITY FULL", "REPLICA IDENTITY DEFAULT", "changed table plain"),
        plain("REPLICA IDENTITY NOTHING", "REPLICA IDENTITY DEFAULT", "changed table plain"),
        plain(
            "REPLICA IDENTITY USING INDEX plain_code",
            "REPLICA IDENTITY DEFAULT",
            "changed index plain_code",
            "changed table plain",
        ),
        plain("CLUSTER ON plain_code", "SET WITHOUT CLUSTER", "changed index plain_code"),
        alter("TABLE parent", "SET UNLOGGED", "SET LOGGED", "changed table parent"),
        alter("TABLE parent", "SET TABLESPACE elsewhere", "SET TABLESPACE pg_default", "changed table parent"),
        since(
            15,
            alter("TABLE parent", "SET ACCESS METHOD heap_too", "SET ACCESS METHOD heap", "changed table parent"),
        ),
        alter("TABLE child", "NO INHERIT parent", "INHERIT parent", "changed table child"),
        alter("TABLE typed", "NOT OF", "OF address", "changed table typed"),
        change(
            "ALTER TABLE keyed SET SCHEMA home",
            "ALTER TABLE home.keyed SET SCHEMA public",
            "added column home.keyed.a",
            "dropped column keyed.a",
            "added table home.keyed",
            "dropped table keyed",
        ),
        again(
            "ALTER TABLE parts DETACH PARTITION parts_1",
            "ALTER TABLE parts ATTACH PARTITION parts_1 FOR VALUES FROM (0) TO (20)",
            "ALTER TABLE parts ATTACH PARTITION parts_1 FOR VALUES FROM (0) TO (10)",
            "changed partition parts_1",
        ),
        change(
            "ALTER TABLE parts DETACH PARTITION parts_1",
            "ALTER TABLE parts ATTACH PARTITION parts_1 FOR VALUES FROM (0) TO (10)",
            "dropped partition parts_1",
            "added table parts_1",
        ),
        again(
            "DROP TABLE keyed",
            "CREATE TABLE keyed (a integer) PARTITION BY LIST (a)",
            "CREATE TABLE keyed (a integer) PARTITION BY RANGE (a)",
            "changed table keyed",
        ),
        alter("FOREIGN TABLE distant", "OPTIONS (x '1')", "OPTIONS (DROP x)", "changed foreign table distant"),
    ],
    columns: [
        plain("ADD e integer", "DROP e", "added column plain.e"),
        plain("RENAME d TO e", "RENAME e TO d", "dropped column plain.d", "added column plain.e"),
        plain("ALTER d TYPE real", "ALTER d TYPE numeric", "changed column plain.d"),
        plain("ALTER c TYPE varchar(9)", "ALTER c TYPE varchar(10)", "changed column plain.c"),
        plain('ALTER c TYPE varchar(10) COLLATE "C"', "ALTER c TYPE varchar(10)", "changed column plain.c"),
        plain("ALTER d SET DEFAULT 1", "ALTER d SET DEFAULT 0", "changed column plain.d"),
        plain("ALTER d SET NOT NULL", "ALTER d DROP NOT NULL", "changed column plain.d"),
        since(
            18,
            change(
                "ALTER TABLE plain ADD CONSTRAINT nn NOT NULL d NOT VALID",
                "ALTER TABLE plain DROP CONSTRAINT nn",
                "changed column plain.d",
            ),
        ),
        plain(
            "ALTER twice DROP EXPRESSION",
            "DROP twice, ADD twice integer GENERATED ALWAYS AS (a * 2) STORED",
            "changed column plain.twice",
        ),
        since(
            17,
            plain(
                "ALTER twice SET EXPRESSION AS (a * 3)",
                "ALTER twice SET EXPRESSION AS (a * 2)",
                "changed column plain.twice",
            ),
        ),
        since(
            18,
            again(
                "ALTER TABLE plain DROP twice",
                "ALTER TABLE plain ADD twice integer GENERATED ALWAYS AS (a * 2) VIRTUAL",
                "ALTER TABLE plain ADD twice integer GENERATED ALWAYS AS (a * 2) STORED",
                "changed column plain.twice",
            ),
        ),
        alter(
            "TABLE counted",
            "ALTER id SET GENERATED BY DEFAULT",
            "ALTER id SET GENERATED ALWAYS",
            "changed column counted.id",
        ),
        alter(
            "TABLE counted",
            "ALTER id SET INCREMENT 2",
            "ALTER id SET INCREMENT 1",
            "changed sequence counted_id_seq",
        ),
        plain("ALTER b SET STORAGE EXTERNAL", "ALTER b SET STORAGE EXTENDED", "changed column plain.b"),
        plain("ALTER b SET COMPRESSION pglz", "ALTER b SET COMPRESSION default", "changed column plain.b"),
        plain("ALTER a SET STATISTICS 7", "ALTER a SET STATISTICS -1", "changed column plain.a"),
        plain("ALTER a SET (n_distinct = 5)", "ALTER a RESET (n_distinct)", "changed column plain.a"),
        alter(
            "FOREIGN TABLE distant",
            "ALTER a OPTIONS (x '1')",
            "ALTER a OPTIONS (DROP x)",
            "changed column distant.a",
        ),
    ],
    constraints: [
        check("CHECK (a > 1)"),
        check("CHECK (a > 0) NOT VALID"),
        check("CHECK (a > 0) NO INHERIT"),
        since(18, check("CHECK (a > 0) NOT ENFORCED")),
        plain(
            "RENAME CONSTRAINT a_ok TO a_good",
            "RENAME CONSTRAINT a_good TO a_ok",
            "added constraint plain.a_good",
            "dropped constraint plain.a_ok",
        ),
        foreignKey("NOT VALID"),
        foreignKey("ON DELETE CASCADE"),
        foreignKey("ON UPDATE SET NULL"),
        foreignKey("MATCH FULL"),
        foreignKey("(code)"),
        alter(
            "TABLE refers",
            "ALTER CONSTRAINT to_plain DEFERRABLE",
            "ALTER CONSTRAINT to_plain NOT DEFERRABLE",
            "changed constraint refers.to_plain",
        ),
        alter(
            "TABLE refers",
            "ALTER CONSTRAINT to_plain DEFERRABLE INITIALLY DEFERRED",
            "ALTER CONSTRAINT to_plain NOT DEFERRABLE",
            "changed constraint refers.to_plain",
        ),
        since(
            18,
            alter(
                "TABLE refers",
                "ALTER CONSTRAINT to_plain NOT ENFORCED",
                "ALTER CONSTRAINT to_plain ENFORCED",
                "changed constraint refers.to_plain",
            ),
        ),
        unique("UNIQUE (b, a)"),
        unique("UNIQUE (b) INCLUDE (a)"),
        unique("UNIQUE (b) DEFERRABLE"),
        unique("UNIQUE (b) WITH (fillfactor = 50)"),
        since(15, unique("UNIQUE NULLS NOT DISTINCT (b)")),
        unique("EXCLUDE (b WITH =)"),
        change(
            "ALTER INDEX b_key SET (fillfactor = 60)",
            "ALTER INDEX b_key RESET (fillfactor)",
            "changed constraint plain.b_key",
        ),
        plain("DROP CONSTRAINT b_key", "ADD CONSTRAINT b_key UNIQUE (b)", "dropped constraint plain.b_key"),
        plain("REPLICA IDENTITY USING INDEX plain_pkey", "REPLICA IDENTITY DEFAULT", "changed table plain"),
    ],
    indexes: [
        index("INDEX plain_code ON plain (code)"),
        index("UNIQUE INDEX plain_code ON plain (code DESC)"),
        index("UNIQUE INDEX plain_code ON plain (code) INCLUDE (a)"),
        index("UNIQUE INDEX plain_code ON plain (code) WHERE a > 1"),
        index("UNIQUE INDEX plain_code ON plain (abs(code))"),
        index("INDEX plain_code ON plain USING hash (code)"),
        index('INDEX plain_code ON plain (b COLLATE "C")'),
        index("INDEX plain_code ON plain (b text_pattern_ops)"),
        change(
            "ALTER INDEX plain_code SET (fillfactor = 60)",
            "ALTER INDEX plain_code RESET (fillfactor)",
            "changed index plain_code",
        ),
        // As a CREATE INDEX CONCURRENTLY that failed leaves it.
        change(
            "SET allow_system_table_mods = on; UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'plain_code'::regclass",
            "UPDATE pg_index SET indisvalid = true WHERE indexrelid = 'plain_code'::regclass",
            "changed index plain_code",
        ),
        change(
            "ALTER INDEX plain_code RENAME TO plain_kode",
            "ALTER INDEX plain_kode RENAME TO plain_code",
            "dropped index plain_code",
            "added index plain_kode",
        ),
    ],
    views: [
        change(
            "CREATE OR REPLACE VIEW seen AS SELECT id, a FROM plain WHERE a > 1",
            "CREATE OR REPLACE VIEW seen AS SELECT id, a FROM plain",
            "changed view seen",
        ),
        alter("VIEW seen", "RENAME id TO no", "RENAME no TO id", "changed view seen"),
        alter("VIEW seen", "SET (security_barrier)", "RESET (security_barrier)", "changed view seen"),
        since(15, alter("VIEW seen", "SET (security_invoker)", "RESET (security_invoker)", "changed view seen")),
        alter("VIEW seen", "SET (check_option = local)", "RESET (check_option)", "changed view seen"),
        again(
            "DROP MATERIALIZED VIEW held",
            "CREATE MATERIALIZED VIEW held AS SELECT id FROM plain WHERE a > 1",
            "CREATE MATERIALIZED VIEW held AS SELECT id FROM plain",
            "changed materialized view held",
        ),
        alter(
            "MATERIALIZED VIEW held",
            "SET (fillfactor = 60)",
            "RESET (fillfactor)",
            "changed materialized view held",
        ),
    ],
    sequences: [
        sequence("AS integer", "AS bigint"),
        sequence("START 5", "START 1"),
        sequence("INCREMENT 2", "INCREMENT 1"),
        sequence("MINVALUE 0", "MINVALUE 1"),
        sequence("MAXVALUE 99", "NO MAXVALUE"),
        sequence("CACHE 3", "CACHE 1"),
        sequence("CYCLE", "NO CYCLE"),
        sequence("OWNED BY plain.a", "OWNED BY NONE"),
        since(15, sequence("SET UNLOGGED", "SET LOGGED")),
        alter("SEQUENCE counted_no_seq", "OWNED BY NONE", "OWNED BY counted.no", "changed sequence counted_no_seq"),
    ],
    routines: [
        change(
            "CREATE OR REPLACE FUNCTION add(a integer, b integer DEFAULT 1) RETURNS integer LANGUAGE sql AS 'SELECT a - b'",
            "CREATE OR REPLACE FUNCTION add(a integer, b integer DEFAULT 1) RETURNS integer LANGUAGE sql AS 'SELECT a + b'",
            "changed function add(integer, integer)",
        ),
        change(
            "CREATE OR REPLACE FUNCTION add(a integer, b integer DEFAULT 2) RETURNS integer LANGUAGE sql AS 'SELECT a + b'",
            "CREATE OR REPLACE FUNCTION add(a integer, b integer DEFAULT 1) RETURNS integer LANGUAGE sql AS 'SELECT a + b'",
            "changed function add(integer, integer)",
        ),
        again(
            "DROP FUNCTION add",
            "CREATE FUNCTION add(a integer, b integer DEFAULT 1) RETURNS bigint LANGUAGE sql AS 'SELECT a + b'",
            "CREATE FUNCTION add(a integer, b integer DEFAULT 1) RETURNS integer LANGUAGE sql AS 'SELECT a + b'",
            "changed function add(integer, integer)",
        ),
        again(
            "DROP FUNCTION add",
            "CREATE FUNCTION add(a integer, b integer DEFAULT 1) RETURNS integer LANGUAGE plpgsql AS 'BEGIN RETURN a + b; END'",
            "CREATE FUNCTION add(a integer, b integer DEFAULT 1) RETURNS integer LANGUAGE sql AS 'SELECT a + b'",
            "changed function add(integer, integer)",
        ),
        fn("IMMUTABLE", "VOLATILE"),
        fn("STABLE", "VOLATILE"),
        fn("STRICT", "CALLED ON NULL INPUT"),
        fn("SECURITY DEFINER", "SECURITY INVOKER"),
        fn("LEAKPROOF", "NOT LEAKPROOF"),
        fn("PARALLEL SAFE", "PARALLEL UNSAFE"),
        fn("COST 7", "COST 100"),
        fn("SET work_mem = '1MB'", "RESET work_mem"),
        alter("FUNCTION several()", "ROWS 7", "ROWS 1000", "changed function several()"),
        alter("PROCEDURE work()", "SECURITY DEFINER", "SECURITY INVOKER", "changed procedure work()"),
        aggregate("sfunc = int4pl, stype = integer, initcond = '1'"),
        aggregate("sfunc = int4mi, stype = integer, initcond = '0'"),
        aggregate("sfunc = int84pl, stype = bigint, initcond = '0'"),
        aggregate("sfunc = int4pl, stype = integer, initcond = '0', finalfunc = int4abs"),
        aggregate("sfunc = int4pl, stype = integer, initcond = '0', combinefunc = int4pl"),
        aggregate("sfunc = int4pl, stype = integer, initcond = '0', parallel = safe"),
    ],
    "triggers, policies and rules": [
        trigger("AFTER UPDATE ON plain FOR EACH ROW EXECUTE FUNCTION touch()"),
        trigger("BEFORE UPDATE OR INSERT ON plain FOR EACH ROW EXECUTE FUNCTION touch()"),
        trigger("BEFORE UPDATE OF a ON plain FOR EACH ROW EXECUTE FUNCTION touch()"),
        trigger("BEFORE UPDATE ON plain FOR EACH STATEMENT EXECUTE FUNCTION touch()"),
        trigger("BEFORE UPDATE ON plain FOR EACH ROW WHEN (NEW.a > 1) EXECUTE FUNCTION touch()"),
        trigger("BEFORE UPDATE ON plain FOR EACH ROW EXECUTE FUNCTION touch_too()"),
        trigger("BEFORE UPDATE ON plain FOR EACH ROW EXECUTE FUNCTION touch('x')"),
        trigger("AFTER UPDATE ON plain REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION touch()"),
        again(
            "DROP TRIGGER late ON plain",
            "CREATE CONSTRAINT TRIGGER late AFTER INSERT ON plain DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION touch()",
            "CREATE CONSTRAINT TRIGGER late AFTER INSERT ON plain FOR EACH ROW EXECUTE FUNCTION touch()",
            "changed trigger plain.late",
        ),
        plain("DISABLE TRIGGER touches", "ENABLE TRIGGER touches", "changed trigger plain.touches"),
        plain("ENABLE REPLICA TRIGGER touches", "ENABLE TRIGGER touches", "changed trigger plain.touches"),
        plain("ENABLE ALWAYS TRIGGER touches", "ENABLE TRIGGER touches", "changed trigger plain.touches"),
        policy("FOR ALL TO clerk USING (a > 1) WITH CHECK (a > 2)"),
        policy("FOR ALL TO app, clerk USING (a > 1) WITH CHECK (a > 2)"),
        policy("FOR ALL TO app USING (a > 9) WITH CHECK (a > 2)"),
        policy("FOR ALL TO app USING (a > 1) WITH CHECK (a > 9)"),
        policy("FOR UPDATE TO app USING (a > 1) WITH CHECK (a > 2)"),
        policy("AS RESTRICTIVE FOR ALL TO app USING (a > 1) WITH CHECK (a > 2)"),
        change(
            "CREATE OR REPLACE RULE quiet AS ON DELETE TO plain DO INSTEAD NOTHING",
            "CREATE OR REPLACE RULE quiet AS ON DELETE TO plain DO ALSO NOTHING",
            "changed rule plain.quiet",
        ),
        plain("DISABLE RULE quiet", "ENABLE RULE quiet", "changed rule plain.quiet"),
        alter("EVENT TRIGGER watch", "DISABLE", "ENABLE", "changed event trigger watch"),
        again(
            "DROP EVENT TRIGGER watch",
            "CREATE EVENT TRIGGER watch ON ddl_command_end WHEN TAG IN ('DROP TABLE') EXECUTE FUNCTION on_ddl()",
            "CREATE EVENT TRIGGER watch ON ddl_command_end EXECUTE FUNCTION on_ddl()",
            "changed event trigger watch",
        ),
        again(
            "DROP EVENT TRIGGER watch",
            "CREATE EVENT TRIGGER watch ON sql_drop EXECUTE FUNCTION on_ddl()",
            "CREATE EVENT TRIGGER watch ON ddl_command_end EXECUTE FUNCTION on_ddl()",
            "changed event trigger watch",
        ),
    ],
    types: [
        alter("TYPE mood", "RENAME VALUE 'sad' TO 'blue'", "RENAME VALUE 'blue' TO 'sad'", "changed enum mood"),
        change(
            "CREATE TYPE fresh AS ENUM ('a', 'b'); DROP TYPE fresh; CREATE TYPE fresh AS ENUM ('b', 'a')",
            "DROP TYPE fresh",
            "added enum fresh",
        ),
        alter("DOMAIN amount", "SET DEFAULT 2", "SET DEFAULT 1", "changed domain amount"),
        alter("DOMAIN amount", "SET NOT NULL", "DROP NOT NULL", "changed domain amount"),
        alter(
            "DOMAIN amount",
            "ADD CONSTRAINT more CHECK (VALUE < 9)",
            "DROP CONSTRAINT more",
            "changed domain amount",
        ),
        alter(
            "DOMAIN amount",
            "RENAME CONSTRAINT amount_ok TO fine",
            "RENAME CONSTRAINT fine TO amount_ok",
            "changed domain amount",
        ),
        again(
            "ALTER DOMAIN amount DROP CONSTRAINT amount_ok",
            "ALTER DOMAIN amount ADD CONSTRAINT amount_ok CHECK (VALUE > 0) NOT VALID",
            "ALTER DOMAIN amount ADD CONSTRAINT amount_ok CHECK (VALUE > 0)",
            "changed domain amount",
        ),
        again(
            "DROP DOMAIN amount",
            "CREATE DOMAIN amount AS numeric(10, 3) DEFAULT 1 CONSTRAINT amount_ok CHECK (VALUE > 0)",
            "CREATE DOMAIN amount AS numeric(10, 2) DEFAULT 1 CONSTRAINT amount_ok CHECK (VALUE > 0)",
            "changed domain amount",
        ),
        change('CREATE DOMAIN c AS text COLLATE "C"', "DROP DOMAIN c", "added domain c"),
        change(
            "ALTER TABLE typed NOT OF; ALTER TYPE address ADD ATTRIBUTE town text",
            "ALTER TYPE address DROP ATTRIBUTE town; ALTER TABLE typed OF address",
            "changed table typed",
            "changed type address",
        ),
        alter(
            "TYPE address",
            "ALTER ATTRIBUTE zip TYPE varchar(11) CASCADE",
            "ALTER ATTRIBUTE zip TYPE varchar(10) CASCADE",
            "changed column typed.zip",
            "changed type address",
        ),
        again(
            "DROP TYPE spread",
            "CREATE TYPE spread AS RANGE (subtype = numeric)",
            "CREATE TYPE spread AS RANGE (subtype = float8)",
            "changed type spread",
        ),
        again(
            "DROP TYPE spread",
            "CREATE TYPE spread AS RANGE (subtype = float8, subtype_diff = float8mi)",
            "CREATE TYPE spread AS RANGE (subtype = float8)",
            "changed type spread",
        ),
    ],
    "statistics and publications": [
        alter("STATISTICS plain_stat", "SET STATISTICS 7", "SET STATISTICS -1", "changed statistics plain_stat"),
        again(
            "DROP STATISTICS plain_stat",
            "CREATE STATISTICS plain_stat (ndistinct) ON a, b FROM plain",
            "CREATE STATISTICS plain_stat (dependencies) ON a, b FROM plain",
            "changed statistics plain_stat",
        ),
        again(
            "DROP STATISTICS plain_stat",
            "CREATE STATISTICS plain_stat (dependencies) ON a, c FROM plain",
            "CREATE STATISTICS plain_stat (dependencies) ON a, b FROM plain",
            "changed statistics plain_stat",
        ),
        publication("SET (publish = 'insert')", "SET (publish = 'insert, update, delete, truncate')"),
        publication("SET (publish_via_partition_root)", "SET (publish_via_partition_root = false)"),
        publication("ADD TABLE parent", "DROP TABLE parent"),
        since(15, publication("SET TABLE plain (id, code)", "SET TABLE plain")),
        since(15, publication("SET TABLE plain WHERE (a > 1)", "SET TABLE plain")),
        since(15, publication("ADD TABLES IN SCHEMA home", "DROP TABLES IN SCHEMA home")),
        again(
            "DROP PUBLICATION all_of_it",
            "CREATE PUBLICATION all_of_it",
            "CREATE PUBLICATION all_of_it FOR ALL TABLES",
            "changed publication all_of_it",
        ),
    ],
    "foreign data, languages and text search": [
        alter(
            "FOREIGN DATA WRAPPER nowhere",
            "OPTIONS (x '1')",
            "OPTIONS (DROP x)",
            "changed foreign data wrapper nowhere",
        ),
        alter(
            "FOREIGN DATA WRAPPER nowhere",
            "VALIDATOR postgresql_fdw_validator",
            "NO VALIDATOR",
            "changed foreign data wrapper nowhere",
        ),
        alter("SERVER far", "VERSION '2'", "VERSION '1'", "changed server far"),
        alter("SERVER far", "OPTIONS (x '1')", "OPTIONS (DROP x)", "changed server far"),
        again(
            "DROP LANGUAGE talk",
            "CREATE LANGUAGE talk HANDLER plpgsql_call_handler",
            "CREATE TRUSTED LANGUAGE talk HANDLER plpgsql_call_handler",
            "changed language talk",
        ),
        again(
            "DROP LANGUAGE talk",
            "CREATE TRUSTED LANGUAGE talk HANDLER plpgsql_call_handler VALIDATOR plpgsql_validator",
            "CREATE TRUSTED LANGUAGE talk HANDLER plpgsql_call_handler",
            "changed language talk",
        ),
        alter(
            "TEXT SEARCH DICTIONARY words",
            "(accept = false)",
            "(accept = true)",
            "changed text search dictionary words",
        ),
        alter(
            "TEXT SEARCH CONFIGURATION words",
            "ALTER MAPPING FOR asciiword WITH words",
            "ALTER MAPPING FOR asciiword WITH simple",
            "changed text search configuration words",
        ),
        alter(
            "TEXT SEARCH CONFIGURATION words",
            "DROP MAPPING FOR url",
            "ADD MAPPING FOR url WITH simple",
            "changed text search configuration words",
        ),
    ],
    "operators, casts and collations": [
        alter(
            "OPERATOR === (integer, integer)",
            "SET (RESTRICT = eqsel)",
            "SET (RESTRICT = NONE)",
            "changed operator ===(integer,integer)",
        ),
        alter(
            "OPERATOR === (integer, integer)",
            "SET (JOIN = eqjoinsel)",
            "SET (JOIN = NONE)",
            "changed operator ===(integer,integer)",
        ),
        again(
            "DROP OPERATOR === (integer, integer)",
            "CREATE OPERATOR === (leftarg = integer, rightarg = integer, function = int4ne, commutator = ===)",
            "CREATE OPERATOR === (leftarg = integer, rightarg = integer, function = int4eq, commutator = ===)",
            "changed operator ===(integer,integer)",
        ),
        again(
            "DROP OPERATOR === (integer, integer)",
            "CREATE OPERATOR === (leftarg = integer, rightarg = integer, function = int4eq, commutator = ===, hashes, merges)",
            "CREATE OPERATOR === (leftarg = integer, rightarg = integer, function = int4eq, commutator = ===)",
            "changed operator ===(integer,integer)",
        ),
        alter(
            "OPERATOR FAMILY family USING btree",
            "ADD OPERATOR 1 < (int4, int8), FUNCTION 1 btint48cmp(int4, int8)",
            "DROP OPERATOR 1 (int4, int8), FUNCTION 1 (int4, int8)",
            "changed operator family family USING btree",
        ),
        again(
            "DROP OPERATOR CLASS small_first USING btree",
            "CREATE OPERATOR CLASS small_first FOR TYPE bigint USING btree FAMILY family AS OPERATOR 1 <, OPERATOR 3 =, FUNCTION 1 btint8cmp(int8, int8)",
            "CREATE OPERATOR CLASS small_first FOR TYPE integer USING btree FAMILY family AS OPERATOR 1 <, OPERATOR 3 =, FUNCTION 1 btint4cmp(int4, int4)",
            "changed operator class small_first USING btree",
            "changed operator family family USING btree",
        ),
        again(
            "DROP CAST (mood AS integer)",
            "CREATE CAST (mood AS integer) WITH INOUT AS ASSIGNMENT",
            "CREATE CAST (mood AS integer) WITH INOUT",
            "changed cast (public.mood AS integer)",
        ),
        again(
            "DROP CAST (mood AS integer)",
            "CREATE FUNCTION cast_it(mood) RETURNS integer LANGUAGE sql AS 'SELECT 1'; CREATE CAST (mood AS integer) WITH FUNCTION cast_it",
            "DROP FUNCTION cast_it; CREATE CAST (mood AS integer) WITH INOUT",
            "changed cast (public.mood AS integer)",
            "added function cast_it(public.mood)",
        ),
        again(
            "DROP COLLATION german",
            "CREATE COLLATION german (provider = libc, locale = 'POSIX')",
            "CREATE COLLATION german (provider = libc, locale = 'C')",
            "changed collation german",
        ),
    ],
    privileges: [
        grant("SELECT ON plain", "app", "table plain to app"),
        grant("SELECT ON plain", "PUBLIC", "table plain to PUBLIC"),
        grant("UPDATE (a) ON plain", "app", "column plain.a to app"),
        grant("SELECT (id) ON seen", "app", "column seen.id to app"),
        grant("USAGE ON SEQUENCE loose", "app", "sequence loose to app"),
        grant("USAGE ON SCHEMA home", "app", "schema home to app"),
        grant("EXECUTE ON FUNCTION add", "app", "function add(integer, integer) to app"),
        grant("USAGE ON TYPE mood", "app", "enum mood to app"),
        grant("USAGE ON FOREIGN SERVER far", "app", "server far to app"),
        change(
            "GRANT SELECT ON plain TO app; GRANT SELECT ON plain TO app WITH GRANT OPTION",
            "REVOKE ALL ON plain FROM app",
            "added grant on table plain to app",
        ),
        change(
            "REVOKE EXECUTE ON FUNCTION add FROM PUBLIC",
            "GRANT EXECUTE ON FUNCTION add TO PUBLIC",
            "added grant on function add(integer, integer) to PUBLIC",
        ),
        change(
            "REVOKE USAGE ON TYPE mood FROM PUBLIC",
            "GRANT USAGE ON TYPE mood TO PUBLIC",
            "added grant on enum mood to PUBLIC",
        ),
        change(
            "GRANT CREATE ON SCHEMA public TO app",
            "REVOKE CREATE ON SCHEMA public FROM app",
            "added grant on schema public to app",
        ),
        change(
            "ALTER DEFAULT PRIVILEGES IN SCHEMA home GRANT INSERT ON TABLES TO app",
            "ALTER DEFAULT PRIVILEGES IN SCHEMA home REVOKE INSERT ON TABLES FROM app",
            "changed default privileges of owner in home on tables",
        ),
        change(
            "ALTER DEFAULT PRIVILEGES IN SCHEMA home GRANT EXECUTE ON FUNCTIONS TO app",
            "ALTER DEFAULT PRIVILEGES IN SCHEMA home REVOKE EXECUTE ON FUNCTIONS FROM app",
            "added default privileges of owner in home on functions",
        ),
        change(
            "ALTER DEFAULT PRIVILEGES FOR ROLE app GRANT SELECT ON TABLES TO clerk",
            "ALTER DEFAULT PRIVILEGES FOR ROLE app REVOKE SELECT ON TABLES FROM clerk",
            "added default privileges of app on tables",
        ),
    ],
    comments: [
        comment("SCHEMA home", "schema home"),
        change(
            "COMMENT ON SCHEMA public IS 'new'",
            "COMMENT ON SCHEMA public IS 'standard public schema'",
            "changed comment on schema public",
        ),
        comment("TABLE plain", "table plain"),
        comment("COLUMN plain.a", "column plain.a"),
        comment("COLUMN seen.id", "column seen.id"),
        comment("CONSTRAINT a_ok ON plain", "constraint plain.a_ok"),
        comment("INDEX plain_code", "index plain_code"),
        comment("VIEW seen", "view seen"),
        comment("MATERIALIZED VIEW held", "materialized view held"),
        comment("SEQUENCE loose", "sequence loose"),
        comment("FUNCTION add", "function add(integer, integer)"),
        comment("AGGREGATE total(integer)", "aggregate total(integer)"),
        comment("TRIGGER touches ON plain", "trigger plain.touches"),
        comment("POLICY own_rows ON plain", "policy plain.own_rows"),
        comment("RULE quiet ON plain", "rule plain.quiet"),
        comment("TYPE mood", "enum mood"),
        comment("TYPE address", "type address"),
        comment("DOMAIN amount", "domain amount"),
        comment("STATISTICS plain_stat", "statistics plain_stat"),
        comment("PUBLICATION pub", "publication pub"),
        comment("SERVER far", "server far"),
        comment("CAST (mood AS integer)", "cast (public.mood AS integer)"),
        comment("COLLATION german", "collation german"),
        comment("EVENT TRIGGER watch", "event trigger watch"),
        comment("TEXT SEARCH DICTIONARY words", "text search dictionary words"),
        comment("TEXT SEARCH CONFIGURATION words", "text search configuration words"),
    ],
};

/** Not of the schema's shape: owners and positions differ between databases that are the same to an application. */
export const unreadChanges: readonly { readonly what: string; readonly forth: string; readonly back: string }[] = [
    { what: "owners", forth: "ALTER TABLE parent OWNER TO app", back: "ALTER TABLE parent OWNER TO owner" },
    { what: "rows", forth: "INSERT INTO parent VALUES (1)", back: "TRUNCATE parent" },
    { what: "storage anew", forth: "VACUUM FULL plain", back: "REINDEX TABLE plain" },
    {
        what: "positions of columns",
        forth: "ALTER TABLE constants DROP day, ADD day date DEFAULT '2024-02-01'",
        back: "ALTER TABLE constants DROP at, ADD at timestamptz DEFAULT '2024-01-01 12:00+00'",
    },
    { what: "temporary tables", forth: "CREATE TEMP TABLE plain (x integer)", back: "DROP TABLE pg_temp.plain" },
    {
        what: "our own schema",
        forth: "CREATE SCHEMA schemaward; CREATE TABLE schemaward.t (id serial PRIMARY KEY); COMMENT ON TABLE schemaward.t IS 'ours'; GRANT SELECT ON schemaward.t TO app",
        back: "DROP SCHEMA schemaward CASCADE",
    },
    {
        what: "members of extensions",
        forth: "COMMENT ON FUNCTION similarity IS 'of pg_trgm'; GRANT EXECUTE ON FUNCTION similarity TO app",
        back: "COMMENT ON FUNCTION similarity IS NULL; REVOKE EXECUTE ON FUNCTION similarity FROM app",
    },
    { what: "positions of sequences", forth: "SELECT nextval('loose')", back: "SELECT setval('loose', 1, false)" },
];
