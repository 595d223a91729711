import type { Node } from "libpg-query";
import { as, strings } from "../nodes";

interface Option {
    readonly defname?: string;
    readonly defnamespace?: string;
    readonly arg?: Node;
}

/** `SET (name = value, …)` and RESET: value by name; undefined resets. */
export function optionChanges(options: readonly Node[], reset: boolean): (readonly [string, string | undefined])[] {
    return options.flatMap((n) => {
        const option = as<Option>(n, "DefElem");
        return option === undefined
            ? []
            : [[option.defname ?? "", reset ? undefined : optionText(option.arg)] as const];
    });
}

/** A value as the catalog stores it. */
function optionText(arg: Node | undefined): string {
    if (arg === undefined) return "true";
    const [type = "", body] = Object.entries(arg)[0] ?? [];
    const {
        ival = 0,
        fval,
        sval,
        boolval = false,
        names,
    } = body as {
        ival?: number;
        fval?: string;
        sval?: string;
        boolval?: boolean;
        names?: Node[];
    };
    if (type === "Boolean") return String(boolval);
    return fval ?? sval ?? (names === undefined ? String(ival) : strings(names).join("."));
}
