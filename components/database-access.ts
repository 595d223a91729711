import * as postgresql from "@pulumi/postgresql";
import * as pulumi from "@pulumi/pulumi";

/** Who may do what in one schema of one database. The database itself, and the roles' passwords, are made elsewhere. */
export interface DatabaseAccessArgs {
    /** Name of the database. It exists. */
    readonly database: string;
    /** The schema that migrations fill; default `public`. Made if it is missing. */
    readonly schema?: string | undefined;
    /** The role that owns the schema and what migrations make. Nobody logs in as it: scripts run as it by SET ROLE. */
    readonly owner: string;
    /** The role that migrations log in as: it may become the owner, and makes the ledger, which stays its own. */
    readonly migratorRole: string;
    /** The role that the application logs in as: reads and writes rows, changes no schema. */
    readonly appRole: string;
    /** The role that previews log in as: reads rows and the ledger, so that it gets a plan; changes nothing. */
    readonly plannerRole?: string | undefined;
    /**
     * Whether PUBLIC, which is every other role of the server, loses what it has on the database and the schema; default
     * `revoke`. With `keep`, any role of the server may connect (and before PostgreSQL 15 make tables in `public`).
     */
    readonly publicAccess?: "revoke" | "keep" | undefined;
}

/**
 * The roles of a database, each with as little as it needs:
 *
 * | role | logs in | database | schema | tables, sequences, functions | ledger |
 * | --- | --- | --- | --- | --- | --- |
 * | owner | no | CREATE (trusted extensions), TEMPORARY | owns it | owns them | – |
 * | migrator | yes, with CREATEDB (the scratch database that a plan is observed on) | CONNECT, CREATE (the ledger) | as owner | as owner | owns it |
 * | app | yes | CONNECT, TEMPORARY | USAGE | SELECT, INSERT, UPDATE, DELETE; USAGE, SELECT; EXECUTE | – |
 * | planner | yes | CONNECT | USAGE | SELECT | USAGE, SELECT |
 *
 * Default privileges give the same on what later migrations make, so that no migration needs a GRANT. Roles that log in
 * get **no password here**: it would lie in the stack's state. Set it by hand (`\password`) or let a secrets manager.
 *
 * Roles and schema outlive `pulumi destroy`: PostgreSQL's provider would reassign what a role owns before it drops it.
 * The provider is @pulumi/postgresql's, configured with a login that may make roles (`postgresql:host`, …). Let the
 * PostgresSchema depend on this, so that the first migration already makes tables as the owner.
 */
export class DatabaseAccess extends pulumi.ComponentResource {
    /** Name of the role that scripts run as, once it may: for a connection's `role`. */
    readonly owner: pulumi.Output<string>;
    /** Name of the role that the application logs in as. */
    readonly appRole: pulumi.Output<string>;

    constructor(name: string, args: DatabaseAccessArgs, options?: pulumi.ComponentResourceOptions) {
        super("schemaward:index:DatabaseAccess", name, {}, options);
        const schemaName = args.schema ?? "public";
        const lasting: pulumi.CustomResourceOptions = { parent: this, retainOnDelete: true };
        const roleNamed = (what: string, role: string, rights: { login: boolean; createDatabase?: boolean }) =>
            new postgresql.Role(`${name}-${what}`, { name: role, ...rights }, lasting);

        const owner = roleNamed("owner", args.owner, { login: false });
        const migrator = roleNamed("migrator", args.migratorRole, { login: true, createDatabase: true });
        const app = roleNamed("app", args.appRole, { login: true });
        const planner =
            args.plannerRole === undefined ? undefined : roleNamed("planner", args.plannerRole, { login: true });

        const becomesOwner = new postgresql.GrantRole(
            `${name}-migrator-is-owner`,
            { role: migrator.name, grantRole: owner.name },
            { parent: this },
        );
        const schema = new postgresql.Schema(
            `${name}-schema`,
            { database: args.database, name: schemaName, owner: owner.name, ifNotExists: true, dropCascade: false },
            { ...lasting, dependsOn: becomesOwner },
        );

        const grants = new GrantsFor(name, args.database, schema.name, this);
        if ((args.publicAccess ?? "revoke") === "revoke") {
            // An empty list is how this provider takes everything away.
            grants.onDatabase("public", "public", []);
            grants.onSchema("public", "public", []);
        }
        grants.onDatabase("owner", owner.name, ["CREATE", "TEMPORARY"]);
        grants.onDatabase("migrator", migrator.name, ["CONNECT", "CREATE"]);

        grants.onDatabase("app", app.name, ["CONNECT", "TEMPORARY"]);
        grants.onSchema("app", app.name, ["USAGE"]);
        grants.onObjects("app", app.name, owner.name, {
            table: ["SELECT", "INSERT", "UPDATE", "DELETE"],
            sequence: ["USAGE", "SELECT"],
            function: ["EXECUTE"],
        });

        if (planner !== undefined) {
            grants.onDatabase("planner", planner.name, ["CONNECT"]);
            grants.onSchema("planner", planner.name, ["USAGE"]);
            grants.onObjects("planner", planner.name, owner.name, { table: ["SELECT"], sequence: ["SELECT"] });
            // The ledger does not exist before the first run. Whatever the migrator makes as itself is the ledger.
            grants.byDefault("planner-ledger", planner.name, migrator.name, "schema", ["USAGE"]);
            grants.byDefault("planner-ledger", planner.name, migrator.name, "table", ["SELECT"]);
        }

        this.owner = becomesOwner.grantRole;
        this.appRole = app.name;
        this.registerOutputs({ owner: this.owner, appRole: this.appRole });
    }
}

type ObjectType = "table" | "sequence" | "function";

/** Declares grants in one schema, each after the one before it: they change the same rows of PostgreSQL's catalog. */
class GrantsFor {
    private last: pulumi.Resource | undefined;

    constructor(
        private readonly name: string,
        private readonly database: string,
        private readonly schema: pulumi.Output<string>,
        private readonly parent: pulumi.Resource,
    ) {}

    onDatabase(who: string, role: pulumi.Input<string>, privileges: string[]): void {
        this.grant(`${who}-database`, { role, objectType: "database", privileges });
    }

    onSchema(who: string, role: pulumi.Input<string>, privileges: string[]): void {
        this.grant(`${who}-schema`, { role, schema: this.schema, objectType: "schema", privileges });
    }

    /** On what is there, and on what `owner` makes later. */
    onObjects(
        who: string,
        role: pulumi.Input<string>,
        owner: pulumi.Input<string>,
        privileges: Readonly<Partial<Record<ObjectType, string[]>>>,
    ): void {
        for (const [objectType, list] of Object.entries(privileges)) {
            this.grant(`${who}-${objectType}s`, { role, schema: this.schema, objectType, privileges: list });
            this.byDefault(`${who}-later`, role, owner, objectType, list, this.schema);
        }
    }

    /** On what `owner` makes later, in one schema or in any. */
    byDefault(
        who: string,
        role: pulumi.Input<string>,
        owner: pulumi.Input<string>,
        objectType: string,
        privileges: string[],
        schema?: pulumi.Output<string>,
    ): void {
        this.last = new postgresql.DefaultPrivileges(
            `${this.name}-${who}-${objectType}s`,
            {
                database: this.database,
                role,
                owner,
                objectType,
                privileges,
                ...(schema === undefined ? {} : { schema }),
            },
            this.options(),
        );
    }

    private grant(what: string, args: Omit<postgresql.GrantArgs, "database">): void {
        this.last = new postgresql.Grant(`${this.name}-${what}`, { database: this.database, ...args }, this.options());
    }

    private options(): pulumi.CustomResourceOptions {
        return { parent: this.parent, ...(this.last === undefined ? {} : { dependsOn: this.last }) };
    }
}
