import type { Client } from "pg";
import type { SessionSettings } from "../observation";
import { unquote } from "../identifiers";

/** The schemas that names without one are looked up in; those that do not exist are passed over. */
export class SearchPath {
    private own: readonly string[];
    private local: readonly string[] | undefined;
    private user: string;

    /**
     * @param initial as a run sets it before each script
     * @param login what `$user` stands for, before a script sets another role
     */
    constructor(
        private readonly initial: readonly string[],
        private readonly login: string,
    ) {
        this.own = initial;
        this.user = login;
    }

    /** @param settings the run's; without a path in them, the session's own */
    static async read(client: Client, settings: SessionSettings): Promise<SearchPath> {
        // `$user` is still in what the session began with; whoever plans has set its meaning before the scripts (scriptPath).
        const setting =
            settings.role === undefined
                ? "pg_catalog.current_setting('search_path')"
                : "(SELECT reset_val FROM pg_catalog.pg_settings WHERE name = 'search_path')";
        const { rows } = await client.query<{ path: string; user: string }>(
            `SELECT ${setting} AS path, current_user AS user`,
        );
        const { path = "", user = "" } = rows[0] ?? {};
        return new SearchPath(
            settings.searchPath.length > 0 ? settings.searchPath : parseSearchPath(path),
            settings.role ?? user,
        );
    }

    copy(): SearchPath {
        const copied = new SearchPath(this.initial, this.login);
        copied.user = this.user;
        copied.own = this.own;
        copied.local = this.local;
        return copied;
    }

    get schemas(): readonly string[] {
        return (this.local ?? this.own).map((name) => (name === "$user" ? this.user : name));
    }

    /** Who makes what is made. */
    get currentUser(): string {
        return this.user;
    }

    set(schemas: readonly string[], isLocal: boolean): void {
        if (isLocal) this.local = schemas;
        else {
            this.own = schemas;
            this.local = undefined;
        }
    }

    /** SET ROLE; undefined: back to the role of the run. */
    setUser(user = this.login): void {
        this.user = user;
    }

    resetUser(): void {
        this.user = this.login;
    }

    reset(): void {
        this.own = this.initial;
        this.local = undefined;
    }

    endTransaction(): void {
        this.local = undefined;
    }
}

/** The setting's text taken apart: `"$user", public` → $user, public. */
export function parseSearchPath(text: string): string[] {
    return [...text.matchAll(/"(?:[^"]|"")*"|[^\s,]+/g)].map(([word]) =>
        word.startsWith('"') ? unquote(word) : word.toLowerCase(),
    );
}
