// The default display: a line whenever something happens, and at the end messages, outputs and a summary
// (pkg/backend/display/progress.go, as it is without a terminal).

import type { Diagnostic, EngineEvent, StepView } from "../events";
import { isRootStack, type Urn } from "../urn";
import { isShown, type Display, type DisplayOptions } from "./display";
import { outputsText } from "./outputs";
import { diagnosticText, Row } from "./row";
import { summaryText } from "./summary";

const heartbeatMs = 1_000;

export class ProgressDisplay implements Display {
    private readonly rows = new Map<Urn, Row>();
    private stackUrn: Urn = "";
    private summary: Extract<EngineEvent, { kind: "summary" }> | undefined;
    private readonly heartbeat: NodeJS.Timeout;
    private beating = false;

    constructor(private readonly options: DisplayOptions) {
        this.print("\n");
        this.heartbeat = setInterval(() => {
            this.beat();
        }, heartbeatMs).unref();
    }

    show(event: EngineEvent): void {
        switch (event.kind) {
            case "summary":
                this.summary = event;
                break;
            case "message":
                this.print(`${event.text}\n`);
                break;
            case "diagnostic":
                this.diagnose(event.diagnostic);
                break;
            case "start":
            case "outputs":
            case "failed":
                this.step(event.kind, event.step);
                break;
        }
    }

    private diagnose(diagnostic: Diagnostic): void {
        if (diagnostic.severity === "debug") return;
        const row = this.rowOf(diagnostic.urn === "" ? this.stackUrn : diagnostic.urn);
        row.hidden = false;
        row.record(diagnostic);
        this.update(row);
    }

    private step(kind: "start" | "outputs" | "failed", step: StepView): void {
        const root = step.urn === this.stackUrn;
        const row = this.rowOf(step.urn, step);
        if (root || isShown(step)) row.hidden = false;
        if (kind === "failed") row.failed = true;
        if (kind === "start") row.start(step);
        if (kind === "outputs") {
            const refreshed = row.step.op === "refresh";
            row.finish(step);
            const custom = (step.new ?? step.old)?.custom === true;
            // In a preview, and for what stays the same, the line was there before.
            if (!refreshed && (this.options.preview || !custom || step.op === "same")) return;
        }
        this.update(row);
    }

    private rowOf(urn: Urn, step?: StepView): Row {
        const known = this.rows.get(urn);
        if (known !== undefined) {
            this.parentRow(step);
            return known;
        }
        const row = new Row(step ?? { ...nothing, urn }, this.options);
        if (isRootStack(urn)) {
            this.stackUrn = urn;
            // What came before the stack itself belongs to it.
            const before = this.rows.get("");
            if (before !== undefined) {
                before.step = row.step;
                this.rows.delete("");
                this.rows.set(urn, before);
                return before;
            }
        }
        this.rows.set(urn, row);
        this.parentRow(step);
        this.stackRow();
        return row;
    }

    /**
     * Children that come before their parents get rows for them. In a destroy the stack itself gets its row so: it then is not
     * what messages without a resource belong to, and its outputs do not show.
     */
    private parentRow(step: StepView | undefined): void {
        const parent = (step?.new ?? step?.old)?.parent ?? "";
        if (parent === "" || parent === this.stackUrn || this.rows.has(parent)) return;
        this.rows.set(parent, new Row({ ...nothing, urn: parent }, this.options));
        this.stackRow();
    }

    private stackRow(): void {
        if (this.rows.has(this.stackUrn)) return;
        const row = new Row({ ...nothing, urn: this.stackUrn }, this.options);
        row.hidden = false;
        this.rows.set(this.stackUrn, row);
    }

    private update(row: Row, over = false): void {
        if (!row.hidden) this.print(row.line(over));
    }

    end(): void {
        clearInterval(this.heartbeat);
        const running = [...this.rows.values()].filter((row) => !row.isDone(false));
        for (const row of running) this.update(row, true);
        this.printDiagnostics();
        this.printOutputs();
        if (this.summary === undefined) return;
        const { preview, paint } = this.options;
        const errored = [...this.rows.values()].filter((row) => row.count("error") > 0).length;
        this.print(`${summaryText({ ...this.summary, preview, errored }, paint)}\n`);
    }

    private printDiagnostics(): void {
        const { paint } = this.options;
        const sections = [...this.rows.values()].flatMap((row) => {
            const texts = [...row.streams].map(([stream, diagnostics]) =>
                streamText(stream, diagnostics, this.options),
            );
            const body = texts.filter((text) => text !== "").join("");
            return body === "" ? [] : [`  ${paint("resource", `${row.type} (${row.name}):`)}\n${body}`];
        });
        if (sections.length > 0) this.print(`${paint("headline", "Diagnostics:")}\n${sections.join("")}`);
    }

    private printOutputs(): void {
        const row = this.rows.get(this.stackUrn);
        if (row === undefined || this.stackUrn === "") return;
        const { preview, paint, truncate } = this.options;
        const text = outputsText(row.step, 1, { planning: preview, paint, truncate }, false);
        if (text !== "") this.print(`${paint("headline", "Outputs:")}\n${text}\n`);
    }

    private beat(): void {
        const { paint, label, stdout } = this.options;
        stdout(paint("warning", this.beating ? "." : `@ ${label}....`));
        this.beating = true;
    }

    private print(text: string): void {
        this.options.stdout(this.beating ? `\n${text}` : text);
        this.beating = false;
    }
}

const nothing = { op: "same", old: undefined, new: undefined, keys: [], changes: undefined, logical: true } as const;

/** Messages of a stream of output are one text; others are texts of their own, with an empty line after the last. */
function streamText(stream: number, diagnostics: readonly Diagnostic[], options: DisplayOptions): string {
    const shown = diagnostics.filter((d) => !d.ephemeral);
    const texts =
        stream === 0
            ? shown.map((d) => diagnosticText(d, options))
            : [shown.map((d) => d.message.replace(/\n$/, "")).join("")];
    const lines = texts.flatMap((text) => text.trimEnd().split("\n"));
    if (lines.every((line) => line === "")) return "";
    return `${lines.map((line) => `    ${line}`.trimEnd()).join("\n")}\n\n`;
}
