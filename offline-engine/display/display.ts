import type { EngineEvent, StepView } from "../events";
import type { Paint } from "./paint";

/** Shows the events of one preview or update. */
export interface Display {
    show(event: EngineEvent): void;
    /** After the last event. */
    end(): void;
}

export interface DisplayOptions {
    readonly preview: boolean;
    readonly project: string;
    readonly stack: string;
    /** What is being done, as the heartbeat says it: "previewing update". */
    readonly label: string;
    readonly paint: Paint;
    readonly truncate: boolean;
    readonly stdout: (text: string) => void;
    readonly stderr: (text: string) => void;
}

/** Steps on resources that stay as they are do not show, unless their protection changes. */
export function isShown(step: StepView): boolean {
    return step.op !== "same" || step.old?.protect !== step.new?.protect;
}

/** In diffs and JSON a replacement is one step. */
export function isShownOnce(step: StepView): boolean {
    if (step.op === "create-replacement" || step.op === "delete-replaced") return false;
    return isShown(step);
}

/** A step that will leave the resource itself alone says so. */
export function withRetained(text: string, step: StepView): string {
    const leaving = ["delete", "replace", "create-replacement", "delete-replaced"].includes(step.op);
    return leaving && step.old?.retainOnDelete === true ? `${text}[retain]` : text;
}
