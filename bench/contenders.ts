import path from "node:path";
import { buildGoPrograms, type GoPrograms, goProgramsFolder } from "../tools/go-programs";
import { root, type PgBinaries } from "../tools/pg-binaries";
import type { BenchSet } from "./migration-set";

/** A tool that brings a database up through all migrations and down again. */
export interface Contender {
    readonly name: string;
    /** @param url of the database */
    readonly up: (url: string) => Command;
    readonly down: (url: string) => Command;
}

export interface Command {
    readonly file: string;
    readonly args: readonly string[];
}

const golangMigrate: GoPrograms = {
    name: "golang-migrate",
    from: { version: "v4.19.0" },
    programs: { migrate: "github.com/golang-migrate/migrate/v4/cmd/migrate" },
    tags: ["postgres"],
};

const goose: GoPrograms = {
    name: "goose",
    from: { version: "v3.26.0" },
    programs: { goose: "github.com/pressly/goose/v3/cmd/goose" },
    // Without the drivers of other databases, which take minutes to compile.
    tags: ["no_mysql", "no_sqlite3", "no_mssql", "no_clickhouse", "no_vertica", "no_ydb", "no_libsql"],
};

/**
 * Everything that can run here, ourselves first, psql second.
 * @param missing told what cannot, and why
 */
export function contenders(set: BenchSet, binaries: PgBinaries, missing: (text: string) => void): Contender[] {
    const node = process.execPath;
    const ours = path.join(root, "dist", "cli", "main.js");
    const list: Contender[] = [
        {
            name: "schemaward",
            up: () => ({ file: node, args: [ours, "migrate", "--dir", set.numbered, "--yes"] }),
            down: () => ({
                file: node,
                args: [ours, "migrate", "--dir", set.numbered, "--yes", "--allow-data-loss", "--to", "0"],
            }),
        },
    ];
    if (binaries.hasDump) {
        const psql = path.join(binaries.dir, "psql");
        const flags = ["-qX", "-v", "ON_ERROR_STOP=1", "-f"];
        list.push({
            name: "psql",
            up: (url) => ({ file: psql, args: [...flags, set.psqlUp, url] }),
            down: (url) => ({ file: psql, args: [...flags, set.psqlDown, url] }),
        });
    } else missing("psql: no client programs lie beside this server");
    const goTool = (programs: GoPrograms, program: string): string | undefined => {
        const prepared = buildGoPrograms(programs);
        if (prepared.state === "ready") return path.join(goProgramsFolder(programs), program);
        missing(`${programs.name}: ${prepared.why}`);
        return undefined;
    };
    const migrate = goTool(golangMigrate, "migrate");
    if (migrate !== undefined) {
        // Its own history table has the name of the one that the first migration makes.
        const flags = (url: string): string[] => [
            "-path",
            set.golangMigrate,
            "-database",
            `${url}&x-migrations-table=golang_migrations`,
        ];
        list.push({
            name: "golang-migrate 4.19",
            up: (url) => ({ file: migrate, args: [...flags(url), "up"] }),
            down: (url) => ({ file: migrate, args: [...flags(url), "down", "-all"] }),
        });
    }
    const gooseFile = goTool(goose, "goose");
    if (gooseFile !== undefined) {
        const flags = (url: string): string[] => ["-dir", set.goose, "postgres", url];
        list.push({
            name: "goose 3.26",
            up: (url) => ({ file: gooseFile, args: [...flags(url), "up"] }),
            down: (url) => ({ file: gooseFile, args: [...flags(url), "reset"] }),
        });
    }
    const pgMigrate = path.join(root, "node_modules", "node-pg-migrate", "bin", "node-pg-migrate.js");
    const flags = [
        "-m",
        set.nodePgMigrate,
        "--migrations-table",
        "pgmigrations",
        "--migration-file-language",
        "sql",
        "--no-single-transaction",
    ];
    list.push({
        name: "node-pg-migrate",
        up: () => ({ file: node, args: [pgMigrate, "up", ...flags] }),
        down: () => ({ file: node, args: [pgMigrate, "down", "1000000", ...flags] }),
    });
    return list;
}
