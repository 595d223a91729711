import { Client } from "pg";
import type { LocalPostgres } from "../tools/local-postgres";

/** Makes an empty database. @param then what is run on the server after that. @returns its URL */
export async function createDatabase(server: LocalPostgres, name: string, ...then: string[]): Promise<string> {
    const client = new Client({ connectionString: server.url("postgres") });
    await client.connect();
    try {
        for (const sql of [`CREATE DATABASE ${name}`, ...then]) await client.query(sql);
    } finally {
        await client.end();
    }
    return `${server.url(name)}?sslmode=disable`;
}
