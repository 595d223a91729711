#!/usr/bin/env node
import { Command, CommanderError, Option } from "commander";
import { CommandError, exitCodes, Reported } from "./errors";
import { makeTerminal, type ColorChoice, type Terminal } from "./commands/terminal";
import type { UpdateFlags, UpdateKind } from "./commands/update";

interface GlobalFlags {
    readonly color: ColorChoice;
    readonly nonInteractive?: boolean;
}

const program = new Command("offline-engine")
    .description(
        "A small stand-in for the Pulumi CLI, where its engine cannot be had: components and dynamic resources of Node " +
            "programs, the file backend, passphrase secrets. What it does not know it refuses.",
    )
    .addOption(new Option("--color <when>", "colourize output").choices(["never", "always", "auto"]).default("auto"))
    .option("--non-interactive", "ask nothing")
    .exitOverride()
    .configureOutput({
        outputError: (text, write) => {
            write(text);
        },
    });

function withStack(command: Command): Command {
    return command.option("-s, --stack <name>", "the stack; the selected one if not given");
}

function updateCommand(name: string, kind: UpdateKind, description: string): Command {
    const command = withStack(program.command(name))
        .description(description)
        .option("--diff", "show each step with its properties")
        .action((flags: UpdateFlags) =>
            run(async (terminal) => (await import("./commands/update.js")).update(kind, flags, terminal)),
        );
    if (kind !== "preview")
        command
            .option("-y, --yes", "do not ask")
            .option("--skip-preview", "do it without showing first what it will do");
    if (kind !== "destroy") command.option("--expect-no-changes", "fail if there is anything to do");
    return command;
}

updateCommand("preview", "preview", "show what an update would do").option("-j, --json", "print one JSON document");
updateCommand("up", "update", "create, update and delete resources as the program says").alias("update");
for (const [name, what] of [
    ["refresh", "bring the state up to what is really there"],
    ["destroy", "delete all resources of the stack"],
] as const)
    updateCommand(name, name, what).option("--preview-only", "only show what it would do");

withStack(program.command("cancel"))
    .description("take away the locks of a stack whose update died")
    .option("-y, --yes", "do not ask")
    .action((flags: { readonly stack?: string; readonly yes?: boolean }) =>
        run(async (terminal) => (await import("./commands/stack.js")).cancel(flags, terminal)),
    );

const stack = program.command("stack").description("manage stacks");

stack
    .command("init <name>")
    .description("make an empty stack and select it")
    .option("--no-select", "do not select it")
    .action((name: string, flags: { readonly select: boolean }) =>
        run(async (terminal) => (await import("./commands/stack.js")).initStack(name, flags, terminal)),
    );

stack
    .command("ls")
    .alias("list")
    .description("list the project's stacks")
    .option("-j, --json", "print JSON")
    .action((flags: { readonly json?: boolean }) =>
        run(async (terminal) => {
            (await import("./commands/stack.js")).showStacks(flags, terminal);
        }),
    );

stack
    .command("select <name>")
    .description("make a stack the one that commands are about")
    .action((name: string) =>
        run(async () => {
            (await import("./commands/stack.js")).chooseStack(name);
        }),
    );

withStack(stack.command("output [property]"))
    .description("show what the stack exports")
    .option("-j, --json", "print JSON")
    .option("--show-secrets", "show secrets in clear")
    .action((property: string | undefined, flags: { readonly stack?: string; readonly json?: boolean }) =>
        run(async (terminal) => (await import("./commands/stack.js")).showOutputs(property, flags, terminal)),
    );

withStack(stack.command("export"))
    .description("print the stack's state")
    .action((flags: { readonly stack?: string }) =>
        run(async (terminal) => {
            (await import("./commands/stack.js")).exportStack(flags, terminal);
        }),
    );

const config = program.command("config").description("manage a stack's configuration");

withStack(config.command("set <key> <value>"))
    .description("set a value in the stack's file")
    .option("--secret", "encrypt it")
    .option("--plaintext", "do not encrypt it (which is what happens without --secret as well)")
    .option("--path", "the key leads into a mapping or list")
    .action((key: string, value: string, flags: { readonly stack?: string; readonly secret?: boolean }) =>
        run(async () => (await import("./commands/config.js")).setConfig(key, value, flags)),
    );

withStack(config.command("get <key>"))
    .description("print a value, secret or not")
    .option("-j, --json", "print JSON")
    .option("--path", "the key leads into a mapping or list")
    .action((key: string, flags: { readonly stack?: string; readonly json?: boolean }) =>
        run(async (terminal) => (await import("./commands/config.js")).getConfig(key, flags, terminal)),
    );

async function run(action: (terminal: Terminal) => Promise<void>): Promise<void> {
    const { color, nonInteractive } = program.opts<GlobalFlags>();
    const terminal = makeTerminal(color, nonInteractive === true);
    try {
        await action(terminal);
    } catch (error) {
        if (!(error instanceof CommandError)) throw error;
        if (!(error instanceof Reported)) terminal.stderr(`${terminal.paint("error", "error: ")}${error.message}\n`);
        process.exitCode = error.exitCode;
    }
}

program.parseAsync().catch((error: unknown) => {
    if (!(error instanceof CommanderError)) throw error;
    const help = error.code === "commander.helpDisplayed" || error.code === "commander.version";
    process.exitCode = help ? exitCodes.done : exitCodes.failed;
});
