import { disconnect, leave, openDatabase } from "../core/connection";
import { BadInputError } from "../core/errors";
import { readKeptDatabases } from "../core/run/restore/expired";
import { connectBeside, dropDatabase } from "../core/run/restore/server-databases";
import { print } from "./output";
import { readTarget } from "./target";

interface DatabasesFlags {
    readonly stack?: string;
    readonly url?: string;
    readonly drop?: string;
    readonly json?: boolean;
}

/** `schemaward snapshot databases`: what restores have put away of a database; `--drop NAME` drops one before its time. */
export async function databasesCommand(flags: DatabasesFlags): Promise<void> {
    const connection =
        flags.stack === undefined
            ? flags.url === undefined
                ? { env: "DATABASE_URL" }
                : { url: flags.url }
            : readTarget({ stack: flags.stack, ...(flags.url === undefined ? {} : { url: flags.url }) }).declaration
                  .connection;
    const database = openDatabase(connection);
    const client = await database.connect("kept databases");
    try {
        const there = await readKeptDatabases(client);
        const wanted = there.find((k) => k.name === flags.drop);
        if (flags.drop !== undefined) {
            if (wanted === undefined)
                throw new BadInputError({
                    what: `${flags.drop} is no database that a restore has put away of this one.`,
                    detail: there.map(({ name }) => `there is: ${name}`),
                    state: "Nothing was touched.",
                    next: "Name one of these; others are not schemaward's to drop.",
                });
            const beside = await connectBeside(database, wanted.of);
            try {
                await dropDatabase(beside, wanted.name);
            } finally {
                await disconnect(beside);
            }
        }
        const databases = there.filter((k) => k !== wanted);
        print(flags.json === true, { ok: true, dropped: wanted?.name ?? null, databases }, [
            ...(wanted === undefined ? [] : [`dropped: ${wanted.name}`]),
            ...(databases.length === 0
                ? ["no database is kept from a restore"]
                : databases.map(
                      ({ name, replaced, snapshot, until }) =>
                          `${name}  put away ${replaced.slice(0, 16).replace("T", " ")}Z for ${snapshot}, kept until ${until.slice(0, 16).replace("T", " ")}Z`,
                  )),
        ]);
    } finally {
        leave(client);
    }
}
