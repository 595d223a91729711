import type { Client } from "pg";

/** How a role gets into this database, as its catalog says now. */
export interface RoleAccess {
    readonly role: string;
    /** This database. */
    readonly database: string;
    readonly isSuperuser: boolean;
    /** -1: none. Of all databases together; PostgreSQL does not hold superusers to it. */
    readonly limit: number;
    /** Whether CONNECT is granted to this very role, and may be passed on. */
    readonly granted: boolean;
    readonly grantable: boolean;
    /** Whether it may connect, by whatever way: what PostgreSQL asks at each login. */
    readonly mayConnect: boolean;
    /** The role that we are logged in as. */
    readonly us: string;
    /** Whether we may end the role's sessions. */
    readonly maySignal: boolean;
    /** Whether we may connect without what this role has: we may be a member of it, or be it. */
    readonly weStay: boolean;
    /** Of the server. */
    readonly major: number;
}

/** This database's row, for queries that are joined with it. */
const thisDatabase = "d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()";

/** Who has CONNECT from whom. A database on which nobody granted or revoked anything has no list, but PostgreSQL's default. */
const connectGrants = `pg_catalog.aclexplode(COALESCE(d.datacl, pg_catalog.acldefault('d', d.datdba))) AS g
                       WHERE g.privilege_type OPERATOR(pg_catalog.=) 'CONNECT'`;

/** @returns those that exist, in no order */
export async function readAccess(client: Client, roles: readonly string[]): Promise<readonly RoleAccess[]> {
    const { rows } = await client.query<RoleAccess>(
        `SELECT r.rolname::pg_catalog.text AS role, d.datname::pg_catalog.text AS database, r.rolsuper AS "isSuperuser", r.rolconnlimit AS "limit",
                own.granted, COALESCE(own.grantable, false) AS grantable,
                pg_catalog.has_database_privilege(r.oid, d.oid, 'CONNECT') AS "mayConnect", us.rolname::pg_catalog.text AS us,
                pg_catalog.pg_has_role(r.oid, 'USAGE') OR pg_catalog.pg_has_role('pg_signal_backend', 'USAGE') AS "maySignal",
                us.rolsuper OR EXISTS (SELECT FROM ${connectGrants} AND g.grantee OPERATOR(pg_catalog.<>) r.oid
                                          AND ${holds("us.oid")}) AS "weStay",
                pg_catalog.current_setting('server_version_num')::int OPERATOR(pg_catalog./) 10000 AS major
           FROM pg_catalog.pg_roles r
           JOIN pg_catalog.pg_database d ON ${thisDatabase}
           JOIN pg_catalog.pg_roles us ON us.rolname OPERATOR(pg_catalog.=) SESSION_USER
           CROSS JOIN LATERAL (SELECT pg_catalog.count(*) OPERATOR(pg_catalog.>) 0 AS granted, pg_catalog.bool_or(g.is_grantable) AS grantable
                                 FROM ${connectGrants} AND g.grantee OPERATOR(pg_catalog.=) r.oid) own
          WHERE r.rolname OPERATOR(pg_catalog.=) ANY ($1::pg_catalog.text[])`,
        [roles],
    );
    return rows;
}

/** One way by which a role may connect. */
export interface WayIn {
    /** `PUBLIC`, the role itself, or one that it is a member of. */
    readonly grantee: string;
    readonly isPublic: boolean;
    /** Who granted it, and alone takes it back. */
    readonly grantor: string;
    /** Whether we may act as the grantor. */
    readonly isOurs: boolean;
}

/** All ways by which a role may connect to this database. */
export async function waysIn(client: Client, role: string): Promise<readonly WayIn[]> {
    const { rows } = await client.query<WayIn>(
        `SELECT CASE WHEN g.grantee OPERATOR(pg_catalog.=) 0 THEN 'PUBLIC' ELSE pg_catalog.pg_get_userbyid(g.grantee)::pg_catalog.text END AS grantee,
                g.grantee OPERATOR(pg_catalog.=) 0 AS "isPublic", pg_catalog.pg_get_userbyid(g.grantor)::pg_catalog.text AS grantor,
                -- Whoever may act as the owner does so in a GRANT or REVOKE, whatever else they are.
                CASE WHEN pg_catalog.pg_has_role(d.datdba, 'USAGE') THEN g.grantor OPERATOR(pg_catalog.=) d.datdba
                     ELSE pg_catalog.pg_has_role(g.grantor, 'USAGE') END AS "isOurs"
           FROM pg_catalog.pg_database d
           JOIN pg_catalog.pg_roles r ON r.rolname OPERATOR(pg_catalog.=) $1::pg_catalog.text
           JOIN LATERAL (SELECT g.* FROM ${connectGrants} AND ${holds("r.oid")}) g ON true
          WHERE ${thisDatabase}
          ORDER BY g.grantee, g.grantor`,
        [role],
    );
    return rows;
}

/** The owner of this database, who may grant and revoke all rights on it. */
export async function ownerOf(client: Client): Promise<string> {
    const { rows } = await client.query<{ owner: string }>(
        `SELECT pg_catalog.pg_get_userbyid(d.datdba)::pg_catalog.text AS owner FROM pg_catalog.pg_database d WHERE ${thisDatabase}`,
    );
    return rows[0]?.owner ?? "its owner";
}

/** Whether a grant is a role's: its own, everybody's, or that of a role whose rights it has. */
function holds(oid: string): string {
    return `CASE WHEN g.grantee OPERATOR(pg_catalog.=) 0 THEN true ELSE pg_catalog.pg_has_role(${oid}, g.grantee, 'USAGE') END`;
}
