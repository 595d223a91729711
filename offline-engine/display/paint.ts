import type { StepOp } from "../steps";

export type Style = "headline" | "error" | "warning" | "info" | "resource" | "faint";

/** Puts colour around a text, or leaves it alone. */
export interface Paint {
    (style: Style, text: string): string;
    readonly op: (op: StepOp, text: string) => string;
}

const codes: Readonly<Record<Style, string>> = {
    headline: "1;35",
    error: "31",
    warning: "33",
    info: "95",
    resource: "94",
    faint: "90",
};

const opCodes: Readonly<Record<StepOp, string>> = {
    same: "0",
    create: "32",
    update: "33",
    delete: "31",
    replace: "95",
    "create-replacement": "92",
    "delete-replaced": "91",
    refresh: "33",
    "remove-pending-replace": "90",
};

/** @param enabled without it every text stays as it is */
export function makePaint(enabled: boolean): Paint {
    const wrap = (code: string, text: string): string =>
        enabled && text !== "" && code !== "0" ? `\u001b[${code}m${text}\u001b[0m` : text;
    return Object.assign((style: Style, text: string): string => wrap(codes[style], text), {
        op: (op: StepOp, text: string): string => wrap(opCodes[op], text),
    });
}
