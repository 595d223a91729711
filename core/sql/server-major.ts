import type { Client } from "pg";

const majors = new WeakMap<Client, number>();

/** Major version of the server behind a connection. */
export async function serverMajor(client: Client): Promise<number> {
    const known = majors.get(client);
    if (known !== undefined) return known;
    const { rows } = await client.query<{ server_version_num: string }>("SHOW server_version_num");
    const major = majorOf(rows[0]?.server_version_num ?? 0);
    majors.set(client, major);
    return major;
}

/** Major version from `server_version_num`, as the server reports it (`150014` → 15). */
function majorOf(serverVersionNum: string | number): number {
    return Math.floor(Number(serverVersionNum) / 10_000);
}
