import { existsSync, promises as fs } from "node:fs";
import type { Client } from "pg";
import { diskFull, RefusedError } from "../../errors";
import { type ArchiveNeeds, missingOwners, readNeeds } from "../../snapshots/archive-toc";
import type { Manifest } from "../../snapshots/manifest";
import { needTool } from "../../snapshots/tool";

interface Server {
    readonly us: string;
    readonly superuser: boolean;
    readonly roles: readonly string[];
    /** Roles that we may give things to. */
    readonly ours: readonly string[];
    readonly missing: readonly string[];
    /** Extensions that only a superuser may make. */
    readonly untrusted: readonly string[];
    /** Null: we may not know. */
    readonly folder: string | null;
    readonly local: boolean;
}

/**
 * Sees, before anything is touched, that the server has what the archive needs: roles, extensions, room; and that we may give it to them.
 * @throws RefusedError naming what is missing
 */
export async function needOf(beside: Client, file: string, manifest: Manifest): Promise<void> {
    const needs = await readNeeds(await restoreToolFor(manifest), file);
    const server = await readServer(beside, needs);
    const { us, superuser } = server;
    const quoted = (role: string): string => beside.escapeIdentifier(role);
    const gone = missingOwners(needs, server.roles);
    const foreign = superuser ? [] : missingOwners(needs, [...server.ours, ...gone.map(({ role }) => role)]);
    const lacking = [
        ...gone.map(
            ({ role, entry }) =>
                `the role ${role}, which owns what is in the snapshot (${entry}): CREATE ROLE ${quoted(role)}`,
        ),
        ...server.missing.map((extension) => `the extension ${extension}: install its package on the server`),
        ...foreign.map(
            ({ role }) => `the right of ${us} to make what ${role} owns: GRANT ${quoted(role)} TO ${quoted(us)}`,
        ),
        ...(superuser ? [] : server.untrusted).map(
            (extension) => `the right of ${us} to make the extension ${extension}: only a superuser may restore it`,
        ),
    ];
    if (lacking.length > 0)
        throw new RefusedError({
            what: "The server lacks what the snapshot needs.",
            where: { object: manifest.name },
            detail: lacking,
            state: "Nothing was touched.",
            next: "Add what is missing, then run the same command again.",
        });
    // Nothing in SQL tells how much room a server has; one on this machine can be looked at.
    if (server.local && server.folder !== null) await needRoom(server.folder, manifest);
}

async function readServer(beside: Client, { extensions }: ArchiveNeeds): Promise<Server> {
    const { rows } = await beside.query<Server & { mayLook: boolean }>({
        text: `SELECT SESSION_USER::text AS us, me.rolsuper AS superuser,
                      ARRAY(SELECT rolname::text FROM pg_catalog.pg_roles) AS roles,
                      ARRAY(SELECT rolname::text FROM pg_catalog.pg_roles
                             WHERE pg_catalog.pg_has_role(oid, CASE WHEN pg_catalog.current_setting('server_version_num')::int >= 160000
                                                                    THEN 'SET' ELSE 'MEMBER' END)) AS ours,
                      ARRAY(SELECT e FROM pg_catalog.unnest($1::text[]) AS e
                             WHERE e NOT IN (SELECT name::text FROM pg_catalog.pg_available_extensions)) AS missing,
                      ARRAY(SELECT e FROM pg_catalog.unnest($1::text[]) AS e
                              JOIN pg_catalog.pg_available_extensions x ON x.name = e
                              JOIN pg_catalog.pg_available_extension_versions v ON v.name = x.name AND v.version = x.default_version
                             WHERE v.superuser AND NOT v.trusted) AS untrusted,
                      NULL AS folder, me.rolsuper OR pg_catalog.pg_has_role('pg_read_all_settings', 'USAGE') AS "mayLook",
                      pg_catalog.inet_server_addr() IS NULL OR pg_catalog.inet_server_addr() = pg_catalog.inet_client_addr() AS local
                 FROM pg_catalog.pg_roles me WHERE me.rolname = SESSION_USER`,
        values: [extensions],
    });
    const [server] = rows;
    if (server === undefined) throw new Error("the server does not know the role that is logged in");
    if (!server.mayLook) return server;
    const { rows: setting } = await beside.query<{ folder: string }>(
        "SELECT pg_catalog.current_setting('data_directory') AS folder",
    );
    return { ...server, folder: setting[0]?.folder ?? null };
}

async function needRoom(folder: string, { databaseBytes, name }: Manifest): Promise<void> {
    if (databaseBytes === null || !existsSync(folder)) return;
    const { bavail, bsize } = await fs.statfs(folder);
    const free = bavail * bsize;
    if (free >= databaseBytes) return;
    throw new RefusedError({
        what: `The server has not enough room: the restored database takes about ${String(databaseBytes)} bytes beside the one that is there, and ${String(free)} are free.`,
        where: { object: name },
        state: "Nothing was touched.",
        next: `${diskFull.next} (databases kept from earlier restores are in schemaward snapshot databases), then run the same command again.`,
    });
}

/** A pg_restore that reads an archive. @throws FailedError when there is none */
export async function restoreToolFor({ archive, database }: Manifest): Promise<string> {
    const major = Math.max(Number.parseInt(archive.pgDumpVersion, 10), Number.parseInt(database.serverVersion, 10));
    return needTool("pg_restore", major, "archive");
}
