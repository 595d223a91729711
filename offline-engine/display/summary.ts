import type { Changes } from "../events";
import { prefixes, stepOps, type StepOp } from "../steps";
import type { Paint } from "./paint";

const pastTenses: Readonly<Record<StepOp, string>> = {
    same: "samed",
    create: "created",
    update: "updated",
    delete: "deleted",
    replace: "replaced",
    "create-replacement": "create-replacementd",
    "delete-replaced": "deleted",
    refresh: "refreshed",
    "remove-pending-replace": "",
};

export interface Summary {
    readonly preview: boolean;
    readonly changes: Changes;
    /** Resources with errors. */
    readonly errored: number;
    readonly seconds: number;
}

/** The "Resources:" section, and after an update how long it took (renderSummaryEvent in diff.go). */
export function summaryText({ preview, changes, errored, seconds }: Summary, paint: Paint): string {
    const changed = stepOps.filter((op) => op !== "same" && (changes.get(op) ?? 0) > 0);
    const lines = changed.map((op) => {
        const what = preview ? `to ${op}` : pastTenses[op];
        return `    ${paint.op(op, `${prefixes[op]}${(changes.get(op) ?? 0).toString()} ${what}`)}\n`;
    });
    const total = changed.reduce((sum, op) => sum + (changes.get(op) ?? 0), 0);
    const same = changes.get("same") ?? 0;
    const pieces = [
        ...(changed.length >= 2 ? [`${total.toString()} ${total === 1 ? "change" : "changes"}`] : []),
        ...(same > 0 ? [`${same.toString()} unchanged`] : []),
    ];
    return [
        `${paint("headline", "Resources:")}\n`,
        ...lines,
        pieces.length > 0 ? `    ${pieces.join(". ")}\n` : "",
        errored > 0 ? `    ${paint("error", `${errored.toString()} errored`)}\n` : "",
        preview ? "" : `\n${paint("headline", "Duration:")} ${durationText(Math.ceil(seconds))}\n`,
    ].join("");
}

/** As Go prints a duration of whole seconds: 1m5s. */
function durationText(seconds: number): string {
    const [hours, minutes, rest] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
    const parts = [
        hours > 0 ? `${hours.toString()}h` : "",
        seconds >= 60 ? `${minutes.toString()}m` : "",
        `${rest.toString()}s`,
    ];
    return parts.join("");
}
