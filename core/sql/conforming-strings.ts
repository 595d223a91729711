import type { Node } from "libpg-query";
import { BadInputError } from "../errors";
import { as, strings, walk } from "./nodes";
import type { Statement } from "./statement";

const setting = "standard_conforming_strings";
const named = new RegExp(setting, "i");

/**
 * Refuses a script that gives backslashes in plain literals a meaning. A script is sent as one message, which the server reads to its end
 * before any of it runs: what follows would be stored with its backslashes as they stand, and was split here by that rule, too.
 * @throws BadInputError with file and line
 */
export function refuseBackslashLiterals(statements: readonly Statement[], file: string): void {
    for (const statement of statements) {
        if (!named.test(statement.sql) || !turnsOff(statement)) continue;
        throw new BadInputError({
            what: `The script sets ${setting} to something else than on, which would have no effect on the literals after it.`,
            where: { file, line: statement.line },
            state: "Nothing was touched.",
            next: "Take the statement out, and write literals with backslash escapes as E'…'.",
        });
    }
}

function turnsOff({ node }: Statement): boolean {
    const set = as<{ kind?: string; name?: string; args?: Node[] }>(node, "VariableSetStmt");
    if (set !== undefined)
        return set.name?.toLowerCase() === setting && set.kind === "VAR_SET_VALUE" && !isOn(set.args?.[0]);
    // A function's own setting is for its body, which is read when it runs.
    if (as(node, "CreateFunctionStmt") !== undefined) return false;
    let off = false;
    walk(node, (type, body) => {
        if (type !== "FuncCall" || strings(body["funcname"] as Node[]).at(-1) !== "set_config") return;
        const [name, value] = (body["args"] ?? []) as Node[];
        off ||= constantOf(name).toLowerCase() === setting && !isOn(value);
    });
    return off;
}

/** PostgreSQL takes the beginnings of these words, too. */
function isOn(value: Node | undefined): boolean {
    return /^(?:on|t(?:r(?:ue?)?)?|y(?:es?)?|1)$/i.test(constantOf(value));
}

function constantOf(value: Node | undefined): string {
    const constant = as<{
        sval?: { sval?: string };
        ival?: { ival?: number };
        boolval?: { boolval?: boolean };
    }>(value, "A_Const");
    if (constant?.boolval !== undefined) return String(constant.boolval.boolval ?? false);
    return constant?.sval?.sval ?? String(constant?.ival?.ival ?? "");
}
