import { as, nodeType, strings, walk } from "./nodes";
import type { Statement } from "./statement";

/** Statements whose effect is not confined to one database. */
const outsideTypes: Readonly<Record<string, string>> = {
    CreateRoleStmt: "CREATE ROLE",
    AlterRoleStmt: "ALTER ROLE",
    AlterRoleSetStmt: "ALTER ROLE … SET",
    DropRoleStmt: "DROP ROLE",
    GrantRoleStmt: "GRANT or REVOKE of a role",
    DropOwnedStmt: "DROP OWNED",
    ReassignOwnedStmt: "REASSIGN OWNED",
    CreatedbStmt: "CREATE DATABASE",
    AlterDatabaseStmt: "ALTER DATABASE",
    AlterDatabaseSetStmt: "ALTER DATABASE … SET",
    AlterDatabaseRefreshCollStmt: "ALTER DATABASE",
    DropdbStmt: "DROP DATABASE",
    CreateTableSpaceStmt: "CREATE TABLESPACE",
    AlterTableSpaceOptionsStmt: "ALTER TABLESPACE",
    DropTableSpaceStmt: "DROP TABLESPACE",
    AlterTableMoveAllStmt: "ALTER … ALL IN TABLESPACE",
    AlterSystemStmt: "ALTER SYSTEM",
    CreateSubscriptionStmt: "CREATE SUBSCRIPTION",
    AlterSubscriptionStmt: "ALTER SUBSCRIPTION",
    DropSubscriptionStmt: "DROP SUBSCRIPTION",
    ImportForeignSchemaStmt: "IMPORT FOREIGN SCHEMA",
    NotifyStmt: "NOTIFY",
    ListenStmt: "LISTEN",
    UnlistenStmt: "UNLISTEN",
    CheckPointStmt: "CHECKPOINT",
    LoadStmt: "LOAD",
};

const sharedObjects = [
    "OBJECT_DATABASE",
    "OBJECT_ROLE",
    "OBJECT_TABLESPACE",
    "OBJECT_SUBSCRIPTION",
    "OBJECT_PARAMETER_ACL",
];

/** Functions that act on other databases, the server, its files, its replicas or the network. */
const outsideFunction =
    /^(?:dblink\w*|pg_notify|pg_reload_conf|pg_(?:terminate|cancel)_backend|pg_rotate_logfile|pg_switch_wal|pg_create_restore_point|pg_(?:backup_)?(?:start|stop)(?:_backup)?|pg_promote|pg_wal_replay_(?:pause|resume)|lo_(?:import|export)|pg_(?:create|drop|copy)_\w*replication_slot|pg_replication_\w+|pg_logical_\w+|pg_file_\w+|pg_log_backend_memory_contexts|http(?:_\w+)?|postgres_fdw_\w+|pg_import_system_collations)$/i;

const outsideText: readonly (readonly [RegExp, string])[] = [
    [/\b(?:create|alter|drop)\s+(?:role|user(?!\s+mapping)|group)\b/i, "a role"],
    [/\b(?:create|alter|drop)\s+database\b|\bon\s+database\b/i, "a database"],
    [/\b(?:create|alter|drop|on)\s+tablespace\b/i, "a tablespace"],
    [/\b(?:create|alter|drop)\s+subscription\b/i, "a subscription"],
    [/\balter\s+system\b/i, "ALTER SYSTEM"],
    [/\b(?:drop|reassign)\s+owned\b/i, "DROP or REASSIGN OWNED"],
    [/\b(?:grant|revoke)\s+(?:(?!\bon\b)[^;'])+?\s(?:to|from)\s/i, "GRANT or REVOKE of a role"],
    [/\b(?:notify|listen)\s+[\w"]+\s*[;,]/i, "NOTIFY or LISTEN"],
    [/\bcopy\b[^;]*\b(?:program|to\s+'|from\s+')/i, "COPY with a file or program"],
    [/\bimport\s+foreign\s+schema\b/i, "IMPORT FOREIGN SCHEMA"],
    [/\bcheckpoint\s*;/i, "CHECKPOINT"],
];

/**
 * Why a statement, or a function's body, must not run on a shadow: it acts outside of the database it runs in, and so
 * would act for real. Errs on the side of yes.
 */
export function effectOutside(what: Statement | string): string | undefined {
    if (typeof what === "string") return textOutside(what);
    const type = nodeType(what.node);
    const known = outsideTypes[type];
    if (known !== undefined) return known;
    const body = as<Record<string, unknown>>(what.node, type) ?? {};
    const object = body["objtype"] ?? body["objectType"] ?? body["renameType"] ?? body["removeType"];
    if (typeof object === "string" && sharedObjects.includes(object))
        return `a change of a ${object.slice("OBJECT_".length).toLowerCase().replaceAll("_", " ")}`;
    if (type === "CopyStmt" && (body["is_program"] === true || body["filename"] !== undefined))
        return "COPY with a file or program";
    if (type === "DoStmt") {
        let text = "";
        walk(what.node, (t, b) => {
            if (t === "String") text += ` ${String(b["sval"])}`;
        });
        return textOutside(text);
    }
    let called: string | undefined;
    walk(what.node, (t, b) => {
        if (t !== "FuncCall") return;
        const name = strings(b["funcname"] as never).at(-1) ?? "";
        if (outsideFunction.test(name)) called = `a call of ${name}`;
    });
    return called;
}

function textOutside(text: string): string | undefined {
    const bare = text.replace(/--.*$/gm, " ").replace(/\/\*[\s\S]*?\*\//g, " ");
    for (const [pattern, name] of outsideText) if (pattern.test(bare)) return name;
    for (const [, name] of bare.matchAll(/\b(\w+)\s*\(/g))
        if (name !== undefined && outsideFunction.test(name)) return `a call of ${name}`;
    return undefined;
}
