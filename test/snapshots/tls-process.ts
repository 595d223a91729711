import { execFileSync } from "node:child_process";
import path from "node:path";
import { clientEnvironment } from "../../core/client-environment";
import { openDatabase } from "../../core/connection";

/** `tls-process BIN`: dumps the database in DATABASE_URL after connecting to it, and says which certificates pg_dump was given. */
async function dump(bin: string): Promise<void> {
    const database = openDatabase({ env: "DATABASE_URL" });
    await (await database.connect("test")).end();
    const libpq = await database.libpq();
    const dumped = execFileSync(path.join(bin, "pg_dump"), ["--schema-only"], {
        env: clientEnvironment(libpq),
        encoding: "utf8",
    });
    process.stdout.write(JSON.stringify({ dumped, roots: libpq["PGSSLROOTCERT"] }));
}

void dump(process.argv[2] ?? "");
