import type { Client } from "pg";

/** Run-time parameters that a session begins with. */
export type StartParameters = Readonly<Record<string, string>>;

/**
 * Reads back what a session was to begin with: a pooler that ignores start-up parameters takes the connection and drops them.
 * @returns statements that set what did not arrive; unlike a start-up parameter, they do not survive RESET ALL
 */
export async function lostParameters(client: Client, parameters: StartParameters): Promise<string[]> {
    const { rows } = await client.query<{ name: string; setting: string }>({
        text: "SELECT name, setting FROM pg_catalog.pg_settings WHERE name OPERATOR(pg_catalog.=) ANY ($1::pg_catalog.text[])",
        values: [Object.keys(parameters)],
    });
    const settings = new Map(rows.map(({ name, setting }) => [name, setting]));
    return Object.entries(parameters)
        .filter(([name, value]) => settings.get(name) !== value)
        .map(([name, value]) => `SET ${name} = '${value}'`);
}
