import type { QueryConfig } from "pg";
import type { SessionSettings } from "./observation";

/**
 * The question that gives a session the search_path of the scripts while it keeps the role that logged in: for whoever looks at what they
 * will change, or have changed. `$user` is the role that they run as, and would be the other one here. Undefined where the session's own
 * path is the one.
 * @param scope of a transaction, or of the session
 */
export function scriptPath(
    { role, searchPath }: SessionSettings,
    scope: "transaction" | "session",
): QueryConfig | undefined {
    const isLocal = String(scope === "transaction");
    if (searchPath.length > 0) {
        const schemas = searchPath.map((schema) => (schema === "$user" ? (role ?? schema) : schema));
        return { text: `SELECT pg_catalog.set_config('search_path', $1, ${isLocal})`, values: [pathText(schemas)] };
    }
    if (role === undefined) return undefined;
    // Quoted, as SET leaves it, or bare, as it may stand in a file of settings.
    return {
        text: `SELECT pg_catalog.set_config('search_path', pg_catalog.regexp_replace(pg_catalog.current_setting('search_path'),
                   '(^|,)\\s*("\\$user"|\\$[uU][sS][eE][rR])\\s*(?=,|$)', $1, 'g'), ${isLocal})`,
        // A backslash would begin a reference to what was found.
        values: [`\\1${pathText([role]).replaceAll("\\", "\\\\")}`],
    };
}

/** Schemas as the setting search_path wants them. */
export function pathText(schemas: readonly string[]): string {
    return schemas.map((s) => `"${s.replaceAll('"', '""')}"`).join(", ");
}
