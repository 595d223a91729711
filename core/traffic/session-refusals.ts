import type { Client } from "pg";
import { BadInputError, FailedError, RefusedError } from "../errors";
import type { SessionsPart } from "./part";
import { ownerOf, type RoleAccess, type WayIn, waysIn } from "./role-access";

const where = { object: "traffic.sessions" };
const again = "then run the same command again.";

/** A name in SQL that a person is given: quoted where it has to be, or might have to be. */
export function quoted(name: string): string {
    return `"${name.replaceAll('"', '""')}"`;
}

export function noSuchRole(roles: readonly string[]): BadInputError {
    return new BadInputError({
        what: `${roles.length === 1 ? "There is no role" : "There are no roles"} ${roles.join(", ")} on this server.`,
        where,
        state: "Nothing was touched.",
        next: "Correct traffic.sessions.roles: the roles that the application logs in as.",
    });
}

export function ourOwnRole({ role }: RoleAccess): BadInputError {
    return new BadInputError({
        what: `${role} is the role that schemaward logs in as: it would shut itself out.`,
        where,
        state: "Nothing was touched.",
        next: "Let the application and schemaward log in as different roles, and name the application's in traffic.sessions.roles.",
    });
}

export function superuserStays({ role }: RoleAccess): RefusedError {
    return new RefusedError({
        what: `${role} is a superuser: PostgreSQL asks it neither for CONNECT nor for a connection limit, so it cannot be kept out.`,
        where,
        state: unchanged(role),
        next: `Let the application log in as a role that is none (ALTER ROLE ${quoted(role)} NOSUPERUSER), ${again}`,
    });
}

export function shutsUsOut({ role, us, database }: RoleAccess): RefusedError {
    return new RefusedError({
        what: `Without the CONNECT of ${role}, of which ${us} is a member, ${us} itself could not connect to ${database} again, nor let traffic in.`,
        where,
        state: unchanged(role),
        next: `Give it a right of its own (GRANT CONNECT ON DATABASE ${quoted(database)} TO ${quoted(us)}), ${again}`,
    });
}

export function mayNotSignal({ role, us }: RoleAccess): RefusedError {
    return new RefusedError({
        what: `${us} may not end the sessions of ${role}: that takes membership in ${role}, or in pg_signal_backend.`,
        where,
        state: unchanged(role),
        next: `GRANT pg_signal_backend TO ${quoted(us)}; ${again}`,
    });
}

export function mayNotLimit({ role, us, major }: RoleAccess, cause: unknown): RefusedError {
    const admin =
        major < 16 ? "" : ` GRANT ${quoted(role)} TO ${quoted(us)} WITH ADMIN TRUE, INHERIT FALSE, SET FALSE;`;
    return new RefusedError({
        what: `${us} may not set the connection limit of ${role}: that takes CREATEROLE${major < 16 ? "" : ` and ADMIN on ${role}`}.`,
        where,
        detail: [messageOf(cause)],
        state: unchanged(role),
        next: `ALTER ROLE ${quoted(us)} CREATEROLE;${admin} ${again} Or take its right to connect, with traffic.sessions.by: revoke-connect.`,
    });
}

/** It may connect although its CONNECT was taken: says by which ways, and what closes each. */
export async function stillConnects(access: RoleAccess, client: Client): Promise<RefusedError> {
    const { role, us, database } = access;
    const ways = await waysIn(client, role);
    const owner = await ownerOf(client);
    const others = ways.filter((way) => way.grantee !== role || !way.isOurs);
    const mayNotRevoke = others.length === 0 || others.every((way) => way.grantee === role);
    const lines = others.map((way) => wayText(way, access));
    const ownRight = access.granted ? "" : `GRANT CONNECT ON DATABASE ${quoted(database)} TO ${quoted(role)}, `;
    return new RefusedError({
        what: mayNotRevoke
            ? `${us} may not take CONNECT on ${database} from ${role}: that takes the rights of its grantor, mostly the database's owner, ${owner}.`
            : `${role} may connect to ${database} also without a CONNECT of its own, so it cannot be kept out by revoking that.`,
        where,
        detail: lines,
        state: unchanged(role),
        next: mayNotRevoke
            ? `GRANT ${quoted(owner)} TO ${quoted(us)} (a member that inherits), or let it own the database (ALTER DATABASE ${quoted(database)} OWNER TO ${quoted(us)}); ${again}`
            : `${ownRight === "" ? "Close that way" : `${ownRight}so that it has a right of its own; close the other way`}; ${again} Or keep it out with traffic.sessions.by: connection-limit.`,
    });
}

function wayText({ grantee, isPublic, grantor }: WayIn, { role, database }: RoleAccess): string {
    const revoke = `REVOKE CONNECT ON DATABASE ${quoted(database)} FROM`;
    if (isPublic)
        return `through PUBLIC, as everybody: ${revoke} PUBLIC (DatabaseAccess does, with publicAccess: revoke)`;
    if (grantee === role) return `granted to it by ${grantor}, who alone takes it back`;
    return `as a member of ${grantee}: ${revoke} ${quoted(grantee)}, or REVOKE ${quoted(grantee)} FROM ${quoted(role)}`;
}

/** It has CONNECT with grant option, and others have theirs from it. */
export function hasPassedOn({ role, database }: RoleAccess, cause: unknown): RefusedError {
    return new RefusedError({
        what: `${role} has passed its CONNECT on ${database} on to others, who would lose theirs with it.`,
        where,
        detail: [messageOf(cause)],
        state: unchanged(role),
        next: `Grant those roles CONNECT as the database's owner and take back what ${role} has granted, ${again}`,
    });
}

export function roleIsGone({ role }: SessionsPart): FailedError {
    return new FailedError({
        what: `The role ${role} is gone.`,
        where,
        next: "See whether it is meant; then run the same command again, which looks anew.",
    });
}

export function notGivenBack({ role }: SessionsPart, byHand: string, cause?: unknown): FailedError {
    return new FailedError({
        what: `${role} could not be let in again.`,
        where,
        ...(cause === undefined ? {} : { detail: [messageOf(cause)], cause }),
        state: `${role} is still kept out of the database.`,
        next: `As the database's owner or a superuser: ${byHand}`,
    });
}

export function isBusy({ role }: SessionsPart, cause: unknown): FailedError {
    return new FailedError({
        what: `What ${role} may do cannot be changed: another session changes the same at this time, or has not committed it.`,
        where,
        detail: [messageOf(cause)],
        next: "See who is at a GRANT, REVOKE, ALTER ROLE or ALTER DATABASE (pg_stat_activity), then run the same command again.",
        cause,
    });
}

function unchanged(role: string): string {
    return `${role} may connect as before.`;
}

function messageOf(error: unknown): string {
    return error instanceof Error ? error.message : String(error);
}
