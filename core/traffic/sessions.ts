import { setTimeout as pause } from "node:timers/promises";
import type { Client } from "pg";
import type { SessionSettings } from "../traffic-settings";
import type { PartKind, SessionsPart } from "./part";
import { readAccess, type RoleAccess } from "./role-access";
import {
    hasPassedOn,
    isBusy,
    mayNotLimit,
    mayNotSignal,
    noSuchRole,
    notGivenBack,
    ourOwnRole,
    quoted,
    roleIsGone,
    shutsUsOut,
    stillConnects,
    superuserStays,
} from "./session-refusals";
import { inThisDatabase, isOurs } from "./strangers";

export { strangers } from "./strangers";

/**
 * A role of the application: kept out of this database, and its sessions ended. Ending them alone is no gate: pools reconnect.
 * PostgreSQL has no place for a mark; what the role had before is in the part alone, which is written down before `stop`.
 */
export const sessions: PartKind<SessionsPart> = {
    text: ({ role }) => `${role}'s sessions`,
    key: ({ role, by }) => `sessions/${role}/${by}`,
    rights: () => [],
    stop: async (part, { client }) => {
        const access = await accessOf(part, client);
        if (access === undefined) throw roleIsGone(part);
        if (access.role === access.us) throw ourOwnRole(access);
        if (!access.maySignal) throw mayNotSignal(access);
        await keepOut(part, access, client);
        await endSessions(part, client);
    },
    flows: async (part, { client }) => {
        const access = await accessOf(part, client);
        if (access !== undefined && isLetIn(part, access)) return `${part.role} ${letInAgain(part, access)}`;
        const there = await sessionsOf(part, client);
        return there.length === 0 ? undefined : sessionsText(part, there);
    },
    insist: async (part, { client, say }) => {
        const access = await accessOf(part, client);
        if (access === undefined) return;
        if (isLetIn(part, access)) {
            await keepOut(part, access, client);
            say(`${part.role} ${letInAgain(part, access)}; it is kept out again`);
        }
        await endSessions(part, client);
    },
    resume: async (part, { client, say }) => {
        const access = await accessOf(part, client);
        if (access === undefined) {
            say(`the role ${part.role} is gone, so it is not let in again`);
            return;
        }
        if (isAsBefore(part, access)) return;
        let cause: unknown;
        try {
            await change(part, client, letInSql(part, access.database));
        } catch (error) {
            cause = error;
        }
        // Of a GRANT by somebody who may not, PostgreSQL only warns.
        const now = await accessOf(part, client);
        if (now !== undefined && !isAsBefore(part, now)) throw notGivenBack(part, sessions.byHand(part), cause);
    },
    byHand: (part) => {
        if (part.by === "revoke-connect" && !part.granted) return `echo ${inShell(`${part.role} had no CONNECT`)}`;
        return `psql -d ${inShell(part.database)} -c ${inShell(letInSql(part, part.database))}`;
    },
};

/**
 * What the application's roles have now.
 * @throws BadInputError for a role that does not exist or that we log in as, RefusedError for a superuser
 */
export async function findSessions(client: Client, { roles, by }: SessionSettings): Promise<readonly SessionsPart[]> {
    const found = new Map((await readAccess(client, roles)).map((access) => [access.role, access]));
    const missing = roles.filter((role) => !found.has(role));
    if (missing.length > 0) throw noSuchRole(missing);
    return [...found.values()]
        .sort((a, b) => roles.indexOf(a.role) - roles.indexOf(b.role))
        .map((access) => {
            const { role, us, database, limit, granted, grantable } = access;
            if (role === us) throw ourOwnRole(access);
            if (access.isSuperuser) throw superuserStays(access);
            return by === "revoke-connect"
                ? { kind: "sessions", role, database, by, limit: null, granted, grantable }
                : { kind: "sessions", role, database, by, limit, granted: false, grantable: false };
        });
}

async function accessOf({ role }: SessionsPart, client: Client): Promise<RoleAccess | undefined> {
    return (await readAccess(client, [role]))[0];
}

function isLetIn({ by }: SessionsPart, { mayConnect, limit, isSuperuser }: RoleAccess): boolean {
    if (isSuperuser) return true;
    return by === "revoke-connect" ? mayConnect : limit !== 0;
}

function letInAgain({ by }: SessionsPart, { limit, isSuperuser }: RoleAccess): string {
    if (isSuperuser) return "was made a superuser meanwhile, whom nothing keeps out";
    return by === "revoke-connect"
        ? "was given the right to connect meanwhile"
        : `was given a connection limit of ${limit} meanwhile`;
}

/** Also where somebody has set another limit meanwhile, who wanted that. */
function isAsBefore(part: SessionsPart, { granted, grantable, limit }: RoleAccess): boolean {
    if (part.by === "connection-limit") return limit !== 0 || part.limit === 0;
    return !part.granted || (granted && (grantable || !part.grantable));
}

function letInSql({ role, by, limit, grantable }: SessionsPart, database: string): string {
    return by === "revoke-connect"
        ? `GRANT CONNECT ON DATABASE ${quoted(database)} TO ${quoted(role)}${grantable ? " WITH GRANT OPTION" : ""}`
        : `ALTER ROLE ${quoted(role)} CONNECTION LIMIT ${limit ?? -1}`;
}

async function keepOut(part: SessionsPart, access: RoleAccess, client: Client): Promise<void> {
    if (access.isSuperuser) throw superuserStays(access);
    if (!isLetIn(part, access)) return;
    if (part.by === "connection-limit") {
        try {
            await change(part, client, `ALTER ROLE ${quoted(part.role)} CONNECTION LIMIT 0`);
        } catch (error) {
            throw codeOf(error) === "42501" ? mayNotLimit(access, error) : error;
        }
        return;
    }
    if (!access.weStay) throw shutsUsOut(access);
    try {
        // One message is one transaction: where the role may connect still, the division fails, and the REVOKE has never been.
        await change(
            part,
            client,
            `REVOKE CONNECT ON DATABASE ${quoted(access.database)} FROM ${quoted(part.role)};
             SELECT 1 OPERATOR(pg_catalog./) CASE WHEN pg_catalog.has_database_privilege(r.oid, pg_catalog.current_database(), 'CONNECT') THEN 0 ELSE 1 END
               FROM pg_catalog.pg_roles r WHERE r.rolname OPERATOR(pg_catalog.=) ${literal(part.role)}`,
        );
    } catch (error) {
        switch (codeOf(error)) {
            case "22012":
            case "42501":
                throw await stillConnects(access, client);
            case "2BP01":
                throw hasPassedOn(access, error);
            default:
                throw error;
        }
    }
}

/** Milliseconds in which others who grant something have had their turn. */
const changeMs = 5_000;

/** Changes what a role may do. The catalog's row is the whole database's: whoever grants something else at the same time makes it fail. */
async function change(part: SessionsPart, client: Client, sql: string): Promise<void> {
    const deadline = performance.now() + changeMs;
    for (;;) {
        try {
            await client.query(`SET LOCAL lock_timeout = '3s';\n${sql}`);
            return;
        } catch (error) {
            const code = codeOf(error);
            // `tuple concurrently updated` has no code of its own.
            if (code === "55P03" || (code === "XX000" && performance.now() > deadline)) throw isBusy(part, error);
            if (code !== "XX000") throw error;
            await pause(Math.random() * 50);
        }
    }
}

interface Session {
    readonly pid: number;
    readonly application: string;
    readonly since: string | null;
}

/** Sessions `a` of the role $1 in this database. What works for another session ends with it, and must not be ended alone. */
const fromSessions = `FROM pg_catalog.pg_stat_activity a
    WHERE ${inThisDatabase} AND NOT ${isOurs} AND a.leader_pid IS NULL
      AND a.usesysid OPERATOR(pg_catalog.=) (SELECT oid FROM pg_catalog.pg_roles WHERE rolname OPERATOR(pg_catalog.=) $1::pg_catalog.text)`;

async function sessionsOf({ role }: SessionsPart, client: Client): Promise<readonly Session[]> {
    const { rows } = await client.query<Session>(
        `SELECT a.pid, COALESCE(a.application_name, '') AS application,
                pg_catalog.to_char(a.backend_start AT TIME ZONE 'UTC', 'HH24:MI:SS"Z"') AS since ${fromSessions} ORDER BY a.pid`,
        [role],
    );
    return rows;
}

/** Milliseconds in which sessions mostly end. */
const endMs = 2_000;

/**
 * Ends a role's sessions, and waits a little for them to be gone. All are told before any is waited for: pg_terminate_backend's own timeout
 * waits for one after another, each for 100 ms at least. Again and again: one that was just logging in is seen only later.
 */
async function endSessions({ role }: SessionsPart, client: Client): Promise<void> {
    const deadline = performance.now() + endMs;
    for (;;) {
        const { rowCount } = await client.query(`SELECT pg_catalog.pg_terminate_backend(a.pid) ${fromSessions}`, [
            role,
        ]);
        if (rowCount === 0 || performance.now() > deadline) return;
        await pause(20);
    }
}

function sessionsText({ role }: SessionsPart, there: readonly Session[]): string {
    const shown = there.slice(0, 5).map(({ pid, application, since }) => {
        const what = [application, since === null ? "" : `since ${since}`].filter((text) => text !== "").join(", ");
        return `pid ${pid}${what === "" ? "" : ` (${what})`}`;
    });
    const more = there.length > shown.length ? ` and ${there.length - shown.length} more` : "";
    return `${there.length === 1 ? "1 session" : `${there.length} sessions`} of ${role} ${there.length === 1 ? "is" : "are"} still there: ${shown.join(", ")}${more}`;
}

function codeOf(error: unknown): unknown {
    return (error as { readonly code?: unknown }).code;
}

function literal(text: string): string {
    const { escapeLiteral } = require("../driver.js") as typeof import("../driver");
    return escapeLiteral(text);
}

/** A word of a shell's command, whatever is in it. */
function inShell(text: string): string {
    return /^[\w.-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
