import {
    chmodSync,
    existsSync,
    mkdtempSync,
    readdirSync,
    renameSync,
    rmSync,
    symlinkSync,
    writeFileSync,
} from "node:fs";
import os from "node:os";
import path from "node:path";
import type { PgBinaries } from "../../tools/pg-binaries";
import { eventually } from "../support/eventually";

/** PostgreSQL's client programs, of which pg_restore can be made to wait, or be killed, when it restores into a database. */
export class HeldTools {
    private readonly folder = mkdtempSync(path.join(os.tmpdir(), "schemaward-tools-"));
    private readonly word = path.join(this.folder, "word");
    private readonly chosen = process.env["SCHEMAWARD_PG_BIN"];

    constructor({ dir }: PgBinaries) {
        for (const name of readdirSync(dir))
            if (name !== "pg_restore") symlinkSync(path.join(dir, name), path.join(this.folder, name));
        const real = path.join(dir, "pg_restore");
        const script = path.join(this.folder, "pg_restore");
        writeFileSync(
            script,
            `#!/bin/sh
case "$*" in *--jobs*) ;; *) exec '${real}' "$@" ;; esac
case "$(cat '${this.word}')" in
kill) '${real}' "$@" & kill -9 $! ; kill -9 $$ ;;
hold) : > '${this.word}.held'; while [ "$(cat '${this.word}')" = hold ]; do sleep 0.02; done ;;
esac
exec '${real}' "$@"
`,
        );
        chmodSync(script, 0o755);
        this.say("go");
        process.env["SCHEMAWARD_PG_BIN"] = this.folder;
    }

    say(word: "go" | "hold" | "kill"): void {
        rmSync(`${this.word}.held`, { force: true });
        // Never half-written.
        writeFileSync(`${this.word}.new`, word);
        renameSync(`${this.word}.new`, this.word);
    }

    /** Waits until it waits. */
    async held(): Promise<void> {
        await eventually(() => existsSync(`${this.word}.held`), "pg_restore waits");
    }

    remove(): void {
        if (this.chosen === undefined) delete process.env["SCHEMAWARD_PG_BIN"];
        else process.env["SCHEMAWARD_PG_BIN"] = this.chosen;
        rmSync(this.folder, { recursive: true, force: true });
    }
}
