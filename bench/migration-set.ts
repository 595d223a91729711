import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";

/** One of the bench's migrations: a small table with what a small table usually has. */
interface BenchMigration {
    readonly number: number;
    readonly up: string;
    readonly down: string;
}

/** A history table in our own mirrored form, so that each migration writes that row as well. */
const first: BenchMigration = {
    number: 1,
    up: "CREATE TABLE schema_migrations (version text PRIMARY KEY, name text, applied_at timestamptz NOT NULL DEFAULT now());\n",
    down: "DROP TABLE schema_migrations;\n",
};

function migration(number: number): BenchMigration {
    const name = `t${pad(number)}`;
    const parent = number === 2 ? "" : ` REFERENCES t${pad(number - 1)} (id)`;
    return {
        number,
        up: `CREATE TABLE ${name} (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    parent_id bigint${parent},
    name varchar(200) NOT NULL,
    status text NOT NULL DEFAULT 'new' CHECK (status IN ('new', 'done')),
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ${name}_name ON ${name} (name);
`,
        down: `DROP TABLE ${name};\n`,
    };
}

/** Numbers of four digits: every tool sorts them alike. */
export function pad(number: number): string {
    return String(number).padStart(4, "0");
}

/** The same migrations in each tool's layout, below one folder. */
export interface BenchSet {
    readonly numbered: string;
    readonly golangMigrate: string;
    readonly goose: string;
    readonly nodePgMigrate: string;
    /** Scripts for one psql: each file in a transaction with a history row of its own. */
    readonly psqlUp: string;
    readonly psqlDown: string;
}

/** Writes `count` migrations. */
export function writeBenchSet(dir: string, count: number): BenchSet {
    const set: BenchSet = {
        numbered: path.join(dir, "numbered"),
        golangMigrate: path.join(dir, "golang-migrate"),
        goose: path.join(dir, "goose"),
        nodePgMigrate: path.join(dir, "node-pg-migrate"),
        psqlUp: path.join(dir, "up.sql"),
        psqlDown: path.join(dir, "down.sql"),
    };
    for (const folder of [path.join(set.numbered, "rollback"), set.golangMigrate, set.goose, set.nodePgMigrate])
        mkdirSync(folder, { recursive: true });
    const all = [first, ...Array.from({ length: count - 1 }, (_, i) => migration(i + 2))];
    const psql: { up: string[]; down: string[] } = { up: [], down: [] };
    for (const { number, up, down } of all) {
        const version = pad(number);
        const name = `${version}_t.sql`;
        const upFile = path.join(set.numbered, name);
        const downFile = path.join(set.numbered, "rollback", `${version}_down.sql`);
        writeFileSync(upFile, up);
        writeFileSync(downFile, down);
        writeFileSync(path.join(set.golangMigrate, `${version}_t.up.sql`), up);
        writeFileSync(path.join(set.golangMigrate, `${version}_t.down.sql`), down);
        writeFileSync(path.join(set.goose, name), `-- +goose Up\n${up}\n-- +goose Down\n${down}`);
        writeFileSync(path.join(set.nodePgMigrate, name), `-- Up Migration\n${up}\n-- Down Migration\n${down}`);
        const row = `INSERT INTO schema_migrations (version, name) VALUES ('${version}', '${version}_t');`;
        const gone = number === 1 ? "" : `DELETE FROM schema_migrations WHERE version = '${version}';`;
        psql.up.push(`BEGIN;\n\\i ${upFile}\n${row}\nCOMMIT;`);
        psql.down.unshift(`BEGIN;\n\\i ${downFile}\n${gone}\nCOMMIT;`);
    }
    writeFileSync(set.psqlUp, `${psql.up.join("\n")}\n`);
    writeFileSync(set.psqlDown, `${psql.down.join("\n")}\n`);
    return set;
}
