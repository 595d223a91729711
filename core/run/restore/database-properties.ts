import type { Client } from "pg";
import { FailedError } from "../../errors";

/** What a database is besides what is in it, as the server's own catalogs say. */
export interface DatabaseProperties {
    readonly name: string;
    readonly oid: number;
    readonly owner: string;
    readonly encoding: string;
    readonly tablespace: string;
    readonly comment: string | null;
    /** -1: none. */
    readonly connectionLimit: number;
    readonly isTemplate: boolean;
    /** Row of pg_database: its columns differ from version to version. */
    readonly row: Readonly<Record<string, string | number | boolean | null>>;
    /** Rights on it; null: nobody ever granted or revoked any. */
    readonly grants: readonly DatabaseGrant[] | null;
    /** `ALTER DATABASE … SET` and, with a role, `ALTER ROLE … IN DATABASE … SET`. */
    readonly settings: readonly DatabaseSetting[];
    readonly labels: readonly { readonly provider: string; readonly label: string }[];
}

interface DatabaseGrant {
    /** Null: everybody. */
    readonly grantee: string | null;
    readonly grantor: string;
    readonly privilege: string;
    readonly grantable: boolean;
}

interface DatabaseSetting {
    readonly role: string | null;
    readonly name: string;
    readonly value: string;
}

/** @returns undefined where there is no such database */
export async function readProperties(client: Client, name: string): Promise<DatabaseProperties | undefined> {
    const { rows } = await client.query<Omit<DatabaseProperties, "grants"> & { grants: DatabaseGrant[]; own: boolean }>(
        `SELECT d.datname::text AS name, d.oid::int8::float8 AS oid, pg_catalog.pg_get_userbyid(d.datdba)::text AS owner,
                pg_catalog.pg_encoding_to_char(d.encoding)::text AS encoding, t.spcname::text AS tablespace,
                pg_catalog.shobj_description(d.oid, 'pg_database') AS comment, d.datconnlimit AS "connectionLimit",
                d.datistemplate AS "isTemplate", pg_catalog.to_jsonb(d) AS row, d.datacl IS NOT NULL AS own,
                coalesce((SELECT json_agg(json_build_object('grantee', CASE WHEN g.grantee <> 0 THEN pg_catalog.pg_get_userbyid(g.grantee)::text END,
                             'grantor', pg_catalog.pg_get_userbyid(g.grantor)::text, 'privilege', g.privilege_type, 'grantable', g.is_grantable)
                             ORDER BY g.grantor, g.grantee, g.privilege_type)
                            FROM pg_catalog.aclexplode(d.datacl) g), '[]') AS grants,
                coalesce((SELECT json_agg(json_build_object('role', r.rolname, 'name', pg_catalog.split_part(c, '=', 1),
                             'value', pg_catalog.substr(c, pg_catalog.strpos(c, '=') + 1)) ORDER BY r.rolname NULLS FIRST, n)
                            FROM pg_catalog.pg_db_role_setting s LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole,
                                 LATERAL pg_catalog.unnest(s.setconfig) WITH ORDINALITY AS u(c, n)
                           WHERE s.setdatabase = d.oid), '[]') AS settings,
                coalesce((SELECT json_agg(json_build_object('provider', l.provider, 'label', l.label))
                            FROM pg_catalog.pg_shseclabel l
                           WHERE l.objoid = d.oid AND l.classoid = 'pg_catalog.pg_database'::pg_catalog.regclass), '[]') AS labels
           FROM pg_catalog.pg_database d JOIN pg_catalog.pg_tablespace t ON t.oid = d.dattablespace
          WHERE d.datname = $1`,
        [name],
    );
    const [found] = rows;
    if (found === undefined) return undefined;
    const { own, grants, ...rest } = found;
    return { ...rest, grants: own ? grants : null };
}

/** Locale providers by the letter in pg_database, with the words of CREATE DATABASE for their locale. */
const providers: Readonly<Record<string, { readonly name: string; readonly locale?: string }>> = {
    // Named as well: a template may have another.
    c: { name: "libc" },
    i: { name: "icu", locale: "ICU_LOCALE" },
    b: { name: "builtin", locale: "BUILTIN_LOCALE" },
};

/** The statement that makes an empty database alike: encoding, locale and its provider, owner, tablespace. */
export function createStatement(client: Client, name: string, like: DatabaseProperties): string {
    const text = (value: unknown): string => client.escapeLiteral(String(value));
    const { row } = like;
    // PostgreSQL 15 and 16 call it daticulocale, 17 datlocale.
    const locale = row["datlocale"] ?? row["daticulocale"];
    const provider = providers[String(row["datlocprovider"])];
    return [
        `CREATE DATABASE ${client.escapeIdentifier(name)} WITH TEMPLATE template0 OWNER ${client.escapeIdentifier(like.owner)}`,
        `ENCODING ${text(like.encoding)} LC_COLLATE ${text(row["datcollate"])} LC_CTYPE ${text(row["datctype"])}`,
        ...(provider === undefined ? [] : [`LOCALE_PROVIDER ${provider.name}`]),
        ...(provider?.locale === undefined ? [] : [`${provider.locale} ${text(locale)}`]),
        ...(typeof row["daticurules"] === "string" ? [`ICU_RULES ${text(row["daticurules"])}`] : []),
        // The template's own is had without a word; named, it takes a right on it.
        ...(like.tablespace === "pg_default" ? [] : [`TABLESPACE ${client.escapeIdentifier(like.tablespace)}`]),
    ].join(" ");
}

/** Settings whose values are lists of names: stored as they are written, to be quoted name by name. Source: variable_is_guc_list_quote in dumputils.c. */
const listSettings = new Set([
    "local_preload_libraries",
    "search_path",
    "session_preload_libraries",
    "shared_preload_libraries",
    "temp_tablespaces",
    "unix_socket_directories",
]);

/**
 * Gives a database the rights, settings and labels of another. Comment, connection limit and whether it is a template are not among them: they
 * come with its name.
 * @param client to another database of the server, for this alone: settings are set in it, too
 * @throws FailedError naming what could not be given
 */
export async function giveProperties(client: Client, name: string, like: DatabaseProperties): Promise<void> {
    const database = client.escapeIdentifier(name);
    const attempt = async (what: string, ...statements: readonly string[]): Promise<void> => {
        try {
            await client.query(["BEGIN", ...statements, "COMMIT"].join("; "));
        } catch (error) {
            await client.query("ROLLBACK").catch(() => undefined);
            throw new FailedError({
                what: `${what} could not be set as on ${like.name}: ${error instanceof Error ? error.message : String(error)}.`,
                where: { object: name },
                next: `Let a role restore that may, as ${like.owner} or a superuser may; then run the same command again.`,
                cause: error,
            });
        }
    };
    for (const { role, name: setting, value } of like.settings) {
        const alter =
            role === null
                ? `ALTER DATABASE ${database}`
                : `ALTER ROLE ${client.escapeIdentifier(role)} IN DATABASE ${database}`;
        const key = setting
            .split(".")
            .map((part) => client.escapeIdentifier(part))
            .join(".");
        await (listSettings.has(setting.toLowerCase())
            ? attempt(
                  setting,
                  `SELECT pg_catalog.set_config(${client.escapeLiteral(setting)}, ${client.escapeLiteral(value)}, true)`,
                  `${alter} SET ${key} FROM CURRENT`,
              )
            : attempt(setting, `${alter} SET ${key} TO ${client.escapeLiteral(value)}`));
    }
    for (const { provider, label } of like.labels)
        await attempt(
            "The security label",
            `SECURITY LABEL FOR ${client.escapeIdentifier(provider)} ON DATABASE ${database} IS ${client.escapeLiteral(label)}`,
        );
    if (like.grants === null) return;
    const owner = client.escapeIdentifier(like.owner);
    await attempt(
        "Rights",
        `REVOKE ALL ON DATABASE ${database} FROM PUBLIC`,
        `REVOKE ALL ON DATABASE ${database} FROM ${owner}`,
    );
    for (const { grantee, grantor, privilege, grantable } of inOrder(like.grants, like.owner))
        await attempt(
            `${privilege} of ${grantee ?? "PUBLIC"}`,
            ...(grantor === like.owner ? [] : [`SET LOCAL ROLE ${client.escapeIdentifier(grantor)}`]),
            `GRANT ${privilege} ON DATABASE ${database} TO ${grantee === null ? "PUBLIC" : client.escapeIdentifier(grantee)}${grantable ? " WITH GRANT OPTION" : ""}`,
        );
}

/** Each grant after the one by which its grantor may pass it on. */
function inOrder(grants: readonly DatabaseGrant[], owner: string): DatabaseGrant[] {
    const ordered: DatabaseGrant[] = [];
    let waiting = [...grants];
    const mayGrant = ({ grantor, privilege }: DatabaseGrant): boolean =>
        grantor === owner ||
        ordered.some((one) => one.grantee === grantor && one.privilege === privilege && one.grantable);
    for (let next = waiting.filter(mayGrant); next.length > 0; next = waiting.filter(mayGrant)) {
        ordered.push(...next);
        waiting = waiting.filter((grant) => !next.includes(grant));
    }
    return [...ordered, ...waiting];
}
