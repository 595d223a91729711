import type { Declared } from "./capture";

/**
 * The SQL by which the provider of @pulumi/postgresql (terraform-provider-postgresql) makes what is declared: its own
 * plugin is not to be had in these tests. Taken from its functions resourcePostgreSQL{Role,GrantRole,Schema,Grant,
 * DefaultPrivileges}Create; the login is a superuser, so that it need not grant itself the roles it works on.
 * @throws for a type or an argument that the provider does not know
 */
export function statementsFor(declared: readonly Declared[]): string[] {
    return declared.filter((d) => d.type.startsWith("postgresql:")).flatMap((d) => statementsOf(d));
}

function statementsOf({ type, name, inputs }: Declared): string[] {
    const translate = translators[type];
    if (translate === undefined) throw new Error(`${name}: the provider has no ${type}`);
    const unknown = Object.keys(inputs).filter((key) => !translate.arguments.includes(key));
    if (unknown.length > 0) throw new Error(`${name}: ${type} has no ${unknown.join(", ")}`);
    const missing = translate.required.filter((key) => inputs[key] === undefined);
    if (missing.length > 0) throw new Error(`${name}: ${type} needs ${missing.join(", ")}`);
    return translate.sql(inputs);
}

interface Translator {
    readonly arguments: readonly string[];
    readonly required: readonly string[];
    sql(inputs: Record<string, unknown>): string[];
}

const ofGrants = ["columns", "database", "objectType", "objects", "privileges", "role", "schema", "withGrantOption"];

const translators: Readonly<Record<string, Translator>> = {
    "postgresql:index/role:Role": {
        arguments: [
            "name",
            "login",
            "superuser",
            "createDatabase",
            "createRole",
            "inherit",
            "replication",
            "connectionLimit",
        ],
        required: ["name"],
        sql: (inputs) => {
            const flag = (key: string, word: string, otherwise = false): string =>
                (inputs[key] ?? otherwise) === true ? word : `NO${word}`;
            const options = [
                `CONNECTION LIMIT ${text(inputs["connectionLimit"] ?? -1)}`,
                flag("superuser", "SUPERUSER"),
                flag("createDatabase", "CREATEDB"),
                flag("createRole", "CREATEROLE"),
                flag("inherit", "INHERIT", true),
                flag("login", "LOGIN"),
                flag("replication", "REPLICATION"),
            ];
            return [`CREATE ROLE ${quoted(inputs["name"])} WITH ${options.join(" ")}`];
        },
    },
    "postgresql:index/grantRole:GrantRole": {
        arguments: ["role", "grantRole", "withAdminOption"],
        required: ["role", "grantRole"],
        sql: ({ role, grantRole, withAdminOption }) => [
            `GRANT ${quoted(grantRole)} TO ${quoted(role)}${withAdminOption === true ? " WITH ADMIN OPTION" : ""}`,
        ],
    },
    "postgresql:index/schema:Schema": {
        arguments: ["database", "name", "owner", "ifNotExists", "dropCascade"],
        required: ["name"],
        // A schema that is there only gets its owner.
        sql: ({ name, owner }) => [
            `CREATE SCHEMA IF NOT EXISTS ${quoted(name)}`,
            ...(owner === undefined ? [] : [`ALTER SCHEMA ${quoted(name)} OWNER TO ${quoted(owner)}`]),
        ],
    },
    "postgresql:index/grant:Grant": {
        arguments: ofGrants,
        required: ["database", "objectType", "privileges", "role"],
        sql: (inputs) => {
            const on = targetOf(inputs);
            const privileges = inputs["privileges"] as string[];
            return [
                `REVOKE ALL PRIVILEGES ON ${on} FROM ${quoted(inputs["role"])}`,
                ...(privileges.length === 0
                    ? []
                    : [`GRANT ${privileges.join(",")} ON ${on} TO ${quoted(inputs["role"])}`]),
            ];
        },
    },
    "postgresql:index/defaultPrivileges:DefaultPrivileges": {
        arguments: ["database", "objectType", "owner", "privileges", "role", "schema", "withGrantOption"],
        required: ["database", "objectType", "owner", "privileges", "role"],
        sql: ({ objectType, owner, privileges, role, schema }) => {
            if (objectType === "schema" && schema !== undefined) throw new Error("schema beside objectType schema");
            const scope = `ALTER DEFAULT PRIVILEGES FOR ROLE ${quoted(owner)}${schema === undefined ? "" : ` IN SCHEMA ${quoted(schema)}`}`;
            const objects = `${text(objectType).toUpperCase()}S`;
            return [
                `${scope} REVOKE ALL ON ${objects} FROM ${quoted(role)}`,
                `${scope} GRANT ${(privileges as string[]).join(",")} ON ${objects} TO ${quoted(role)}`,
            ];
        },
    },
};

function targetOf({ objectType, database, schema, objects }: Record<string, unknown>): string {
    const type = text(objectType).toUpperCase();
    if (type === "DATABASE") return `DATABASE ${quoted(database)}`;
    if (schema === undefined) throw new Error("parameter 'schema' is mandatory for postgresql_grant resource");
    if (type === "SCHEMA") return `SCHEMA ${quoted(schema)}`;
    if (!["TABLE", "SEQUENCE", "FUNCTION", "PROCEDURE", "ROUTINE"].includes(type))
        throw new Error(`no objectType ${type}`);
    if (objects !== undefined) throw new Error("single objects are not translated here");
    return `ALL ${type}S IN SCHEMA ${quoted(schema)}`;
}

function quoted(name: unknown): string {
    return `"${text(name).replaceAll('"', '""')}"`;
}

function text(value: unknown): string {
    return String(value);
}
