import { makePaint, type Paint } from "../display/paint";
import { createInterface } from "node:readline/promises";

export type ColorChoice = "never" | "always" | "auto";

/** How this run talks to whoever reads it. */
export interface Terminal {
    readonly paint: Paint;
    readonly interactive: boolean;
    readonly stdout: (text: string) => void;
    readonly stderr: (text: string) => void;
}

export function makeTerminal(color: ColorChoice, nonInteractive: boolean): Terminal {
    const tty = process.stdout.isTTY && process.stdin.isTTY;
    const colored =
        color === "always" || (color === "auto" && process.stdout.isTTY && process.env["NO_COLOR"] === undefined);
    return {
        paint: makePaint(colored),
        interactive: tty && !nonInteractive && process.env["CI"] === undefined,
        stdout: (text) => process.stdout.write(text),
        stderr: (text) => process.stderr.write(text),
    };
}

/** Whether the answer is yes. */
export async function confirm(question: string): Promise<boolean> {
    const lines = createInterface({ input: process.stdin, output: process.stdout });
    try {
        return (await lines.question(`${question} (yes/no) `)).trim().toLowerCase() === "yes";
    } finally {
        lines.close();
    }
}
