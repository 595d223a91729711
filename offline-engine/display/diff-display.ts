// The display of --diff: each step with its properties (pkg/backend/display/diff.go).

import type { EngineEvent, StepView } from "../events";
import { diffMaps } from "../property-diff";
import { isInternalKey, noProperties } from "../properties";
import { prefixes, subjectOf, type StepOp } from "../steps";
import { isRootStack, type Urn } from "../urn";
import { isShownOnce, withRetained, type Display, type DisplayOptions } from "./display";
import { outputsText } from "./outputs";
import { PropertyPrinter } from "./print-properties";
import { diagnosticText } from "./row";
import { translated } from "./step-diff";
import { summaryText } from "./summary";

export class DiffDisplay implements Display {
    private readonly seen = new Map<Urn, StepView>();
    private errored = 0;

    constructor(private readonly options: DisplayOptions) {}

    show(event: EngineEvent): void {
        const { stdout, stderr, preview, paint } = this.options;
        switch (event.kind) {
            case "start":
                this.seen.set(event.step.urn, event.step);
                if (event.step.op !== "refresh" && this.isShown(event.step)) stdout(this.details(event.step));
                break;
            case "outputs":
                if (this.isShown(event.step)) stdout(this.outputs(event.step));
                break;
            case "failed":
                this.errored++;
                break;
            case "diagnostic":
                if (event.diagnostic.severity !== "debug") stderr(diagnosticText(event.diagnostic, this.options));
                break;
            case "message":
                stdout(event.text);
                break;
            case "summary":
                stdout(summaryText({ ...event, preview, errored: this.errored }, paint));
                break;
        }
    }

    end(): void {
        // Everything is shown when it happens.
    }

    private isShown(step: StepView): boolean {
        return isShownOnce(step) || isRootStack(step.urn);
    }

    private outputs(step: StepView): string {
        const refreshed = this.seen.get(step.urn)?.op === "refresh";
        if (refreshed && step.op === "update") return this.details(step);
        const indent = this.indentOf(step);
        const text = outputsText(step, indent + 1, this.printing(), refreshed);
        const header =
            refreshed && (step.op !== "refresh" || text !== "" || isRootStack(step.urn))
                ? this.header(step, indent)
                : "";
        const title =
            text === "" ? "" : `${this.options.paint.op(step.op, `${"    ".repeat(indent + 1)}--outputs:--`)}\n`;
        return header + title + text;
    }

    private details(step: StepView): string {
        const indent = this.indentOf(step);
        const header = this.header(step, indent);
        if (step.op === "same") return header;
        const printer = (op: StepOp, prefix: boolean): PropertyPrinter =>
            new PropertyPrinter(this.printing(), indent + 1, op, prefix);
        const { old, new: state } = step;
        if (step.changes !== undefined && old !== undefined && state !== undefined) {
            const diff = translated(step.changes, step);
            return (
                header +
                (diff === undefined ? printer("same", true).object(old.inputs) : printer("update", true).diff(diff))
            );
        }
        if (old === undefined || state === undefined) {
            const shown = state ?? old;
            const properties = state?.outputs !== undefined && state.outputs.size > 0 ? state.outputs : shown?.inputs;
            return header + printer(step.op, false).object(properties ?? noProperties);
        }
        const useOutputs = state.outputs !== undefined && state.outputs.size > 0;
        const [olds, news] = useOutputs
            ? [old.outputs ?? noProperties, state.outputs ?? noProperties]
            : [old.inputs, state.inputs];
        const diff = diffMaps(olds, news, isInternalKey);
        return header + (diff === undefined ? printer("same", true).object(news) : printer("update", true).diff(diff));
    }

    private header(step: StepView, indent: number): string {
        const { paint } = this.options;
        const { op, old, new: state, urn } = step;
        const unlocked = state !== undefined && !state.protect && old?.protect === true;
        const locked = state?.protect === true || old?.protect === true;
        const mark = unlocked ? " 🔓" : locked ? " 🔒" : "";
        const spaces = "    ".repeat(indent);
        const sameUnless = ["create", "delete", "delete-replaced"].includes(op) ? op : "same";
        const about = (text: string): string => `${paint.op(sameUnless, `${spaces}    ${text}`)}\n`;
        return [
            `${spaces}${paint.op(op, `${prefixes[op]}${subjectOf(step).type}: (${withRetained(op, step)})${mark}`)}\n`,
            old !== undefined && old.id !== "" ? about(`[id=${old.id}]`) : "",
            about(`[urn=${urn}]`),
        ].join("");
    }

    /** As deep as the parents that were shown. */
    private indentOf(step: StepView): number {
        let depth = 0;
        for (
            let at = this.seen.get(subjectOf(step).parent);
            at !== undefined;
            at = this.seen.get(subjectOf(at).parent)
        ) {
            if (this.isShown(at)) depth++;
        }
        return depth;
    }

    private printing(): {
        readonly paint: DisplayOptions["paint"];
        readonly planning: boolean;
        readonly truncate: boolean;
    } {
        const { paint, preview, truncate } = this.options;
        return { paint, planning: preview, truncate };
    }
}
