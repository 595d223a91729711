// What is known of one resource while the steps go by (pkg/backend/display/rows.go).

import type { Diagnostic, StepView } from "../events";
import { prefixes, words } from "../steps";
import { displayNameOf, isRootStack, makeUrn, nameOf, rootStackType, typeOf } from "../urn";
import { withRetained, type DisplayOptions } from "./display";
import { shortDiff } from "./step-diff";

const replacing = new Set(["replace", "create-replacement", "delete-replaced"]);

export class Row {
    hidden = true;
    failed = false;
    /** In the order in which they came, by stream. */
    readonly streams = new Map<number, Diagnostic[]>();
    private last: Diagnostic | undefined;
    private readonly outputs: StepView[] = [];
    private begin: number | undefined;
    private end: number | undefined;

    constructor(
        public step: StepView,
        private readonly options: DisplayOptions,
    ) {}

    start(step: StepView): void {
        this.step = step;
        this.begin = performance.now();
        this.end = undefined;
    }

    finish(step: StepView): void {
        this.step = step;
        this.outputs.push(step);
        this.end = performance.now();
    }

    record(diagnostic: Diagnostic): void {
        this.last = diagnostic;
        const stream = this.streams.get(diagnostic.stream) ?? [];
        stream.push(diagnostic);
        this.streams.set(diagnostic.stream, stream);
    }

    count(...severities: readonly Diagnostic["severity"][]): number {
        return [...this.streams.values()].flat().filter((d) => !d.ephemeral && severities.includes(d.severity)).length;
    }

    /** @param over whether everything is over */
    isDone(over: boolean): boolean {
        return this.failed || over || (!isRootStack(this.step.urn) && this.outputs.some((s) => s.op === this.step.op));
    }

    private urn(): string {
        const { stack, project } = this.options;
        return this.step.urn === "" ? makeUrn(stack, project, "", rootStackType, `${project}-${stack}`) : this.step.urn;
    }

    get type(): string {
        return displayNameOf(typeOf(this.urn()));
    }

    get name(): string {
        return nameOf(this.urn());
    }

    /** One line that says where the resource is at. */
    line(over: boolean): string {
        const { paint } = this.options;
        const { op } = this.step;
        return ` ${[paint.op(op, prefixes[op]), this.type, this.name, this.status(over), this.info(over)].join(" ")}\n`;
    }

    private status(over: boolean): string {
        const { paint } = this.options;
        const { op } = this.step;
        const failed = this.failed || this.count("error") > 0;
        if (!failed && over && this.isInterrupted()) return paint("warning", `${words[op].doing} (interrupted)`);
        if (!this.isDone(over)) return this.retained(paint.op(op, this.inProgress()));
        if (this.options.preview) return this.retained(paint.op(op, this.previewed()));
        if (!failed) return this.retained(paint.op(op, this.timed(words[op].done)));
        return this.retained(paint("error", `**${op === "same" ? "failed" : this.timed(words[op].failed)}**`));
    }

    private retained(text: string): string {
        return withRetained(text, this.step);
    }

    private inProgress(): string {
        const { op, urn } = this.step;
        if (isRootStack(urn) && op === "same") return "running";
        if (this.options.preview) return words[op].preview;
        if (op === "same" || this.begin === undefined) return words[op].doing;
        return `${words[op].doing} (${Math.floor((performance.now() - this.begin) / 1000).toString()}s)`;
    }

    private previewed(): string {
        const { op } = this.step;
        if (replacing.has(op)) return "replace";
        return op === "refresh" ? "refresh" : words[op].preview;
    }

    private timed(text: string): string {
        if (this.step.op === "same" || this.begin === undefined || this.end === undefined) return text;
        const seconds = (this.end - this.begin) / 1000;
        return `${text} (${seconds < 1 ? seconds.toFixed(2) : Math.floor(seconds).toString()}s)`;
    }

    /** The update is over and the step never ended. Components may end without saying so. */
    private isInterrupted(): boolean {
        const { op, old, new: state } = this.step;
        return op !== "same" && (state ?? old)?.custom === true && !this.outputs.some((s) => s.op === op);
    }

    private info(over: boolean): string {
        const { paint } = this.options;
        const replace = replacing.has(this.step.op) ? this.outputs.find((s) => s.op === "replace") : undefined;
        const diff = shortDiff(replace ?? this.step, paint);
        const pieces = diff === "" ? [] : [`[${diff}]`];
        if (over) pieces.push(...this.counts());
        else if (this.last !== undefined && this.last.severity !== "debug")
            pieces.push(diagnosticText(this.last, this.options).trimEnd());
        return pieces.join("; ").split("\n")[0] ?? "";
    }

    private counts(): string[] {
        const { paint } = this.options;
        const counted = [
            ["error", this.count("error")],
            ["warning", this.count("warning")],
            ["message", this.count("info", "info#err")],
        ] as const;
        return counted
            .filter(([, count]) => count > 0)
            .map(
                ([word, count]) =>
                    `${count.toString()} ${paint(word === "message" ? "info" : word, count === 1 ? word : `${word}s`)}`,
            );
    }
}

/** A message with its severity in front, if that says anything. */
export function diagnosticText({ severity, message }: Diagnostic, { paint }: Pick<DisplayOptions, "paint">): string {
    if (severity === "error" || severity === "warning") return `${paint(severity, `${severity}: `)}${message}`;
    return severity === "debug" ? `${paint("faint", "debug: ")}${message}` : message;
}
