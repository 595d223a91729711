import { Command, CommanderError, InvalidArgumentError } from "commander";
import { BadInputError, exitCodes } from "../core/errors";
import { fail } from "./output";
import type { SnapshotFlags } from "./snapshot-target";
import type { TargetFlags } from "./target";

// PostgreSQL's parser is WebAssembly that runs for a moment only: compiling it a second time, better, takes three times as long as it saves
// (1,000 scripts: 270 ms instead of 100, and 40 MB). Only here, where the process is ours.
(require("../core/sql/parser.js") as typeof import("../core/sql/parser")).beforeParser(() => {
    const { setFlagsFromString } = require("node:v8") as typeof import("node:v8");
    setFlagsFromString("--liftoff-only");
    // The room for young objects would grow to 20 MB of the 145 that 1,000 scripts back take, and save no time.
    setFlagsFromString("--semi-space-growth-factor=1");
});

interface CommonFlags extends TargetFlags {
    readonly json?: boolean;
}

function targetOptions(command: Command): Command {
    return command
        .option(
            "-s, --stack <name>",
            "the stack whose file says database, set and policy (in a Pulumi project's folder)",
        )
        .option("--url <url>", "PostgreSQL URL; better in the environment variable DATABASE_URL")
        .option("--dir <dir>", "folder of the migrations")
        .option("--format <format>", "format of the folder", "numbered")
        .option("--set <name>", "name of the set in the ledger")
        .option("--role <role>", "role that scripts run as (SET ROLE)")
        .option("--json", "print one JSON document");
}

function runOptions(command: Command): Command {
    return targetOptions(command)
        .option("-y, --yes", "do not ask")
        .option("--allow-data-loss", "go back although rows are lost (a stack's maxRowsLost still holds)")
        .option(
            "--keep-data",
            "keep tables and columns that are dropped, load back what was kept; of a stack its keepData",
        )
        .option("--wait <seconds>", "how long to wait for another run", "0");
}

/** A version on the command line: kept as the text it is. */
function version(value: string): string {
    if (/^(?:\d+|latest)$/.test(value)) return value;
    throw new InvalidArgumentError('a version is digits, "latest", or 0 for nothing applied.');
}

function count(value: string): number {
    if (/^[1-9]\d{0,8}$/.test(value)) return Number(value);
    throw new InvalidArgumentError("it is a whole number above 0.");
}

function days(value: string): number {
    if (/^\d{1,5}$/.test(value)) return Number(value);
    throw new InvalidArgumentError("it is a number of days, 0 or more.");
}

function collect(value: string, before: readonly string[] = []): readonly string[] {
    return [...before, value];
}

const program = new Command("schemaward")
    .description("PostgreSQL schema versions: plan, run and undo migrations, forward or back.")
    .version((require("../../package.json") as { version: string }).version, "-V, --version", "print the version")
    .exitOverride()
    .configureOutput({
        outputError: (text, write) => {
            write(text);
        },
    });

// A command loads what it needs and no more.

targetOptions(program.command("status"))
    .description("where the database is, what is pending, whether history, files and schema agree")
    .action((flags: CommonFlags) =>
        run(flags, () => (require("./status.js") as typeof import("./status")).status(flags)),
    );

targetOptions(program.command("plan"))
    .description("what it would take to go to a version, and what would be lost; changes nothing")
    .option("--to <version>", "where to go; the stack's version if not given", version)
    .option("--keep-data", "as migrate would with it")
    .action((flags: CommonFlags) =>
        run(flags, () => (require("./plan.js") as typeof import("./plan")).planCommand(flags)),
    );

runOptions(program.command("migrate"))
    .description("go to a version, forward or back")
    .option(
        "--to <version>",
        'a version, "latest", or 0 for all the way down; the stack\'s version if not given',
        version,
    )
    .action((flags: CommonFlags) =>
        run(flags, () => (require("./migrate.js") as typeof import("./migrate")).migrateCommand(flags)),
    );

runOptions(program.command("resume"))
    .description("go on with a run that failed or was cut off, to where it was to lead; let traffic in again")
    .option("--undo", "go back to where it began instead")
    .option("--ignore-versions", "let traffic in whatever application would start")
    .action((flags: CommonFlags) =>
        run(flags, () => (require("./resume.js") as typeof import("./resume")).resumeCommand(flags)),
    );

targetOptions(program.command("incident"))
    .description(
        "the record of the last run that went back: what was done, what was lost, what is left to do; Markdown",
    )
    .option("--run <id>", "of this run instead, forward or back")
    .action((flags: CommonFlags) =>
        run(flags, () => (require("./incident.js") as typeof import("./incident")).incident(flags)),
    );

targetOptions(program.command("validate"))
    .description("read and parse every script; with a database, compare what is applied as well")
    .action((flags: CommonFlags) =>
        run(flags, () => (require("./validate.js") as typeof import("./validate")).validate(flags)),
    );

targetOptions(program.command("new <name>"))
    .description("make the files of the next migration: forward, rollback and a verify query")
    .action((name: string, flags: CommonFlags) =>
        run(flags, () => (require("./new.js") as typeof import("./new")).newMigration(name, flags)),
    );

targetOptions(program.command("resolve"))
    .description("correct the history after somebody ran a script by hand; runs no script")
    .option("--applied <version>", "this version's up script was run", version)
    .option("--rolled-back <version>", "this version's down script was run", version)
    .action((flags: CommonFlags) =>
        run(flags, () => (require("./resolve.js") as typeof import("./resolve")).resolveCommand(flags)),
    );

targetOptions(program.command("kept"))
    .description("what keepData has kept of dropped tables and columns, and is not back")
    .option("--drop <id>", "forget one of these, rows and all", count)
    .action((flags: CommonFlags) =>
        run(flags, () => (require("./kept.js") as typeof import("./kept")).keptCommand(flags)),
    );

function snapshotOptions(command: Command): Command {
    return command
        .option("-s, --stack <name>", "the stack whose file says store and environment (in a Pulumi project's folder)")
        .option("--store <url>", "the store: file:DIR or s3://BUCKET/PREFIX; with --stack in the place of its own")
        .option("--environment <name>", "environment whose snapshots are meant, or that one is taken of")
        .option("--set <name>", "set whose snapshots are meant, or that one is taken of")
        .option("--json", "print one JSON document");
}

const snapshots = program.command("snapshot").description("take, list, verify, read, keep and delete snapshots");

snapshotOptions(snapshots.command("create"))
    .description("take a verified snapshot of the database as it is: a restore point")
    .option("--url <url>", "PostgreSQL URL; better in the environment variable DATABASE_URL")
    .option("--label <label>", "what it is called: <environment>_<label>_<time>", "restore-point")
    .option("--protect", "keep it from retention")
    .option("--jobs <n>", "how many pg_dump work at a time; 1, or the stack's", count)
    .option("--recipient <key>", "public key of age that it is encrypted for; may be given several times", collect)
    .action((flags: SnapshotFlags) =>
        run(flags, () => (require("./snapshot-create.js") as typeof import("./snapshot-create")).createSnapshot(flags)),
    );

snapshotOptions(snapshots.command("list"))
    .description("what is in the store; of a stack its environment's")
    .option("--all", "of all environments")
    .action((flags: SnapshotFlags) =>
        run(flags, () => (require("./snapshot-list.js") as typeof import("./snapshot-list")).listSnapshots(flags)),
    );

snapshotOptions(snapshots.command("verify <name>"))
    .description('read a snapshot wholly and record whether it is whole; "latest" is the newest one')
    .action((name: string, flags: SnapshotFlags) =>
        run(flags, () =>
            (require("./snapshot-verify.js") as typeof import("./snapshot-verify")).verifyCommand(name, flags),
        ),
    );

snapshotOptions(snapshots.command("restore <name>"))
    .description(
        "put the whole database back as it is in a snapshot; what is there now is kept, as a snapshot and as a database",
    )
    .option("--url <url>", "PostgreSQL URL; better in the environment variable DATABASE_URL")
    .option("--dry-run", "show the plan, and touch nothing")
    .option("-y, --yes", "do not ask")
    .option("--allow-data-loss", "go on although rows are lost (a stack's maxRowsLost still holds)")
    .option("--jobs <n>", "connections of pg_restore; 2, or the stack's", count)
    .option("--keep-days <n>", "days that the database is kept which is there now; 7, or the stack's", days)
    .option("--no-emergency-snapshot", "take no snapshot of what is there now")
    .option("--adopt <identity>", "take the snapshot of another server or database, named as the refusal names it")
    .option("--ignore-versions", "let traffic in whatever application would start")
    .option("--wait <seconds>", "how long to wait for another run", "0")
    .action((name: string, flags: SnapshotFlags & { readonly wait: string; readonly emergencySnapshot: boolean }) =>
        run(flags, () =>
            (require("./snapshot-restore.js") as typeof import("./snapshot-restore")).restoreCommand(name, flags),
        ),
    );

snapshots
    .command("databases")
    .description("the databases that restores have put away and keep for a while")
    .option("-s, --stack <name>", "the stack whose file says which database (in a Pulumi project's folder)")
    .option("--url <url>", "PostgreSQL URL; better in the environment variable DATABASE_URL")
    .option("--drop <name>", "drop one of these before its time")
    .option("--json", "print one JSON document")
    .action((flags: { readonly json?: boolean }) =>
        run(flags, () =>
            (require("./snapshot-databases.js") as typeof import("./snapshot-databases")).databasesCommand(flags),
        ),
    );

snapshotOptions(snapshots.command("extract <name>"))
    .description("write the rows of some tables of a snapshot as SQL")
    .requiredOption("--table <table>", "a table's exact name; may be given several times", collect)
    .option("--schema <schema>", "schema of the tables, where the name alone does not say it")
    .option("--with-definition", "CREATE TABLE before the rows, without owner, rights, keys and indexes")
    .option("--out <file>", "where to write; standard output if not given")
    .action((name: string, flags: SnapshotFlags & { readonly table: readonly string[] }) =>
        run(flags, () =>
            (require("./snapshot-extract.js") as typeof import("./snapshot-extract")).extractCommand(name, flags),
        ),
    );

for (const [word, protect, what] of [
    ["protect", true, "keep a snapshot from retention"],
    ["unprotect", false, "leave a snapshot to retention again"],
] as const)
    snapshotOptions(snapshots.command(`${word} <name>`))
        .description(what)
        .action((name: string, flags: SnapshotFlags) =>
            run(flags, () =>
                (require("./snapshot-protect.js") as typeof import("./snapshot-protect")).setProtection(
                    name,
                    protect,
                    flags,
                ),
            ),
        );

snapshotOptions(snapshots.command("prune"))
    .description("delete the snapshots that no rule keeps; of a stack by its own rules, if none are given")
    .option("--keep-last <n>", "the newest n", count)
    .option("--keep-daily <n>", "the newest of each of the last n days that have any", count)
    .option("--keep-weekly <n>", "the newest of each of the last n weeks that have any", count)
    .option("--dry-run", "show what would be deleted, and delete nothing")
    .action((flags: SnapshotFlags) =>
        run(flags, () => (require("./snapshot-prune.js") as typeof import("./snapshot-prune")).pruneCommand(flags)),
    );

async function run(flags: { readonly json?: boolean }, action: () => Promise<void>): Promise<void> {
    try {
        await action();
    } catch (error) {
        fail(flags.json === true, error);
    }
}

program.parseAsync().catch((error: unknown) => {
    if (!(error instanceof CommanderError)) throw error;
    const help = error.code === "commander.helpDisplayed" || error.code === "commander.version";
    process.exitCode = help ? exitCodes.done : exitCodes.badInput;
    // The text is on standard error already.
    if (!help && process.argv.includes("--json"))
        fail(true, new BadInputError({ what: error.message.replace(/^error: /, ""), state: "Nothing was touched." }));
});
