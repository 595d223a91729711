import { quoteIdentifier } from "../sql/identifiers";

/** The catalog leaves `public.` out of names; SQL that must not depend on the search_path needs it. */
export function qualify(name: string): string {
    return splitLast(name)[0] === "" ? `public.${name}` : name;
}

/** The other way: as the catalog, and with it a plan, names it. */
export function withoutPublic(name: string): string {
    return name.replace(/^public\./, "");
}

/** `users.email` → [`public.users`, `email`]. */
export function columnOf(name: string): [table: string, column: string] {
    const [table, column] = splitLast(name);
    return [qualify(table), column];
}

/** `audit."Log".id` → [`audit."Log"`, `id`]; identifiers as the server quotes them. */
export function splitLast(name: string): [string, string] {
    const match = /^(.*)\.("(?:[^"]|"")*"|[^."]+)$/s.exec(name);
    return match?.[1] === undefined || match[2] === undefined ? ["", name] : [match[1], match[2]];
}

/** A name as written in a script, quoted where needed; keywords, too: `FROM user` would count the function user. */
export function quoted(parts: readonly string[]): string {
    return parts.map(quoteIdentifier).join(".");
}
