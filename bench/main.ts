import { findPgBinaries } from "../tools/pg-binaries";
import { benchDowntime } from "./downtime";
import { benchSnapshots } from "./snapshots";
import { benchSpeed } from "./speed";

interface Options {
    readonly migrations: number;
    readonly rounds: number;
    readonly only: string | undefined;
}

/** `npm run bench [-- --only speed|downtime|snapshots --migrations N --rounds N]`. Exits with 1 where a goal was not reached. */
async function main({ migrations, rounds, only }: Options): Promise<void> {
    const [binaries] = findPgBinaries();
    if (binaries === undefined) throw new Error("no PostgreSQL server can be started here");
    let reached = true;
    const wanted = (name: string): boolean => only === undefined || only === name;
    if (wanted("speed")) reached = (await benchSpeed(binaries, { migrations, rounds })) && reached;
    if (wanted("downtime")) reached = (await benchDowntime(binaries, rounds)) && reached;
    if (wanted("snapshots")) reached = (await benchSnapshots(binaries, rounds)) && reached;
    if (!reached) process.exitCode = 1;
}

function readOptions(args: readonly string[]): Options {
    const value = (flag: string): string | undefined => {
        const at = args.indexOf(flag);
        return at === -1 ? undefined : (args[at + 1] ?? "");
    };
    const number = (flag: string, otherwise: number): number => {
        const given = value(flag);
        const wanted = given === undefined ? otherwise : Number(given);
        if (!Number.isInteger(wanted) || wanted < 2) throw new Error(`${flag} takes a whole number from 2 on`);
        return wanted;
    };
    const only = value("--only");
    if (only !== undefined && !["speed", "downtime", "snapshots"].includes(only))
        throw new Error("--only takes speed, downtime or snapshots");
    return { migrations: number("--migrations", 1000), rounds: number("--rounds", 5), only };
}

Promise.resolve()
    .then(() => main(readOptions(process.argv.slice(2))))
    .catch((error: unknown) => {
        console.error(error instanceof Error ? error.message : error);
        process.exitCode = 1;
    });
