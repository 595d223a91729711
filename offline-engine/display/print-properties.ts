// Properties and their differences as indented text (pkg/backend/display/object_diff.go).

import { parseDocument } from "yaml";
import { isChanged, keysOf, diffValues, type ObjectDiff, type ValueDiff } from "../property-diff";
import {
    isArray,
    isInternalKey,
    isPropertyMap,
    ResourceReference,
    Secret,
    sortedKeys,
    Unknown,
    equal,
    type Property,
    type PropertyMap,
} from "../properties";
import { prefixes, type StepOp } from "../steps";
import { diffLines } from "./lines-diff";
import type { Paint } from "./paint";

export interface PrintOptions {
    readonly paint: Paint;
    /** Unknown values are shown in a preview only. */
    readonly planning: boolean;
    /** Cuts long texts to three lines of 150 characters. */
    readonly truncate: boolean;
}

/** Prints at one indentation, as part of one kind of step. */
export class PropertyPrinter {
    constructor(
        private readonly options: PrintOptions,
        private readonly indent: number,
        private readonly op: StepOp,
        /** Whether lines begin with the step's two characters. */
        private readonly prefix: boolean,
    ) {}

    private with(change: {
        readonly op?: StepOp;
        readonly prefix?: boolean;
        readonly deeper?: number;
    }): PropertyPrinter {
        const { op = this.op, prefix = this.prefix, deeper = 0 } = change;
        return new PropertyPrinter(this.options, this.indent + deeper, op, prefix);
    }

    private start(text: string, prefix = this.prefix): string {
        const spaces = "    ".repeat(this.indent);
        const head = prefix && spaces !== "" ? spaces.slice(0, -2) + prefixes[this.op] : spaces;
        return this.paint(head + text);
    }

    private paint(text: string): string {
        return this.options.paint.op(this.op, text);
    }

    title(name: string, width: number): string {
        return this.start(`${name.padEnd(width)}: `);
    }

    object(map: PropertyMap): string {
        const keys = sortedKeys(map);
        const width = widest(keys);
        return keys
            .filter((key) => !isInternalKey(key))
            .map((key) => this.property(key, map.get(key) ?? null, width))
            .join("");
    }

    property(key: string, value: Property, width: number): string {
        return this.title(key, width) + this.value(value);
    }

    /** With a line break at the end. */
    value(value: Property): string {
        return `${this.bare(value)}\n`;
    }

    private bare(value: Property): string {
        if (isArray(value)) {
            if (value.length === 0) return this.paint("[]");
            const elements = value.map(
                (e, i) => this.start(`    [${i.toString()}]: `) + this.with({ deeper: 1 }).value(e),
            );
            return `${this.paint("[")}\n${elements.join("")}${this.start("]", false)}`;
        }
        if (isPropertyMap(value)) {
            if (value.size === 0) return this.paint("{}");
            return `${this.paint("{")}\n${this.with({ deeper: 1 }).object(value)}${this.start("}", false)}`;
        }
        if (value instanceof ResourceReference) {
            const inner = this.with({ deeper: 1 });
            const lines = [
                inner.title("URN", 3) + this.paint(`${JSON.stringify(value.urn)}\n`),
                inner.title("ID", 3) + inner.value(value.id ?? null),
                inner.title("PackageVersion", 3) + this.paint(`${JSON.stringify(value.packageVersion)}\n`),
            ];
            return `${this.paint("{")}\n${lines.join("")}${this.start("}", false)}`;
        }
        return this.primitive(value);
    }

    private primitive(value: null | boolean | number | string | Secret | Unknown): string {
        if (value === null) return this.paint("<null>");
        if (value instanceof Secret) return this.paint("[secret]");
        if (value instanceof Unknown) return this.paint("[unknown]");
        if (typeof value !== "string") return this.paint(String(value));
        const decoded = decode(value);
        if (decoded !== undefined) return this.paint(`(${decoded.kind}) `) + this.value(decoded.value);
        return this.paint(JSON.stringify(this.options.truncate ? truncated(value) : value));
    }

    diff(diff: ObjectDiff, include?: ReadonlySet<string>): string {
        const keys = keysOf(diff).filter((key) => include?.has(key) ?? true);
        const width = widest(keys);
        return keys.map((key) => this.propertyDiff(key, width, diff)).join("");
    }

    propertyDiff(key: string, width: number, diff: ObjectDiff): string {
        const title = (printer: PropertyPrinter): string => printer.title(key, width);
        const [add, del, update] = [diff.adds.get(key), diff.deletes.get(key), diff.updates.get(key)];
        if (add !== undefined) return this.changed("create", add, title);
        if (del !== undefined) return this.changed("delete", del, title);
        if (update !== undefined) return this.valueDiff(update, title);
        const same = diff.sames.get(key) ?? null;
        return isWorthShowing(same) ? this.with({ op: "same", prefix: false }).property(key, same, width) : "";
    }

    private changed(op: StepOp, value: Property, title: (printer: PropertyPrinter) => string): string {
        const printer = this.with({ op, prefix: true });
        return title(printer) + printer.value(value);
    }

    private valueDiff(diff: ValueDiff, title: (printer: PropertyPrinter) => string): string {
        const printer = this.with({ op: "update", prefix: true });
        if (diff.array !== undefined) return title(printer) + printer.arrayDiff(diff.array);
        if (diff.object !== undefined) {
            const inner = printer.with({ deeper: 1 }).diff(diff.object);
            return `${title(printer)}${printer.paint("{")}\n${inner}${printer.start("}\n", false)}`;
        }
        const [old, value] = [isWorthShowing(diff.old), isWorthShowing(diff.new)];
        if (old && value && isPrimitive(diff.old) && isPrimitive(diff.new)) {
            if (typeof diff.old === "string" && typeof diff.new === "string")
                return title(printer) + printer.textDiff(diff.old, diff.new);
            const [before, after] = [printer.with({ op: "delete" }), printer.with({ op: "create" })];
            return `${title(printer)}${before.primitive(diff.old)}${printer.paint(" => ")}${after.primitive(diff.new)}\n`;
        }
        return (
            (old ? this.changed("delete", diff.old, title) : "") +
            (value ? this.changed("create", diff.new, title) : "")
        );
    }

    private arrayDiff(elements: NonNullable<ValueDiff["array"]>): string {
        const inner = this.with({ deeper: 2 });
        const lines = elements.map((element, i) => {
            const title = (printer: PropertyPrinter): string =>
                printer.with({ deeper: -1 }).start(`[${i.toString()}]: `);
            if (element.kind === "add") return inner.changed("create", element.value, title);
            if (element.kind === "delete") return inner.changed("delete", element.value, title);
            if (element.kind === "update") return inner.valueDiff(element.diff, title);
            const same = inner.with({ op: "same", prefix: false });
            return title(same) + same.value(element.value);
        });
        return `${this.paint("[")}\n${lines.join("")}${this.start("]\n", false)}`;
    }

    private textDiff(old: string, value: string): string {
        const [before, after] = [decode(old), decode(value)];
        if (before !== undefined && after !== undefined && !equal(before.value, after.value)) {
            const kind = before.kind === after.kind ? before.kind : `${before.kind} => ${after.kind}`;
            const diff = diffValues(before.value, after.value, isInternalKey);
            return (
                this.paint(`(${kind}) `) +
                (diff === undefined ? this.value(before.value) : this.valueDiff(diff, () => ""))
            );
        }
        if (!old.includes("\n") && !value.includes("\n")) {
            const [deleted, created] = [this.with({ op: "delete" }), this.with({ op: "create" })];
            return `${deleted.paint(JSON.stringify(old))}${this.paint(" => ")}${created.paint(JSON.stringify(value))}\n`;
        }
        return `\n${this.with({ deeper: 1 }).lineDiff(old.split("\n"), value.split("\n"))}`;
    }

    /** Of what stays the same only the two lines next to a change. */
    private lineDiff(olds: readonly string[], news: readonly string[]): string {
        const context = 2;
        const changes = diffLines(olds, news);
        const print = (op: StepOp, lines: readonly string[]): string =>
            lines
                .filter((line) => line.trim() !== "")
                .map((line) => `${this.with({ op }).start(line, op !== "same")}\n`)
                .join("");
        const gap = `${this.with({ op: "same" }).start("...", false)}\n`;
        return changes
            .map(({ kind, lines }, i) => {
                if (kind !== "same") return print(kind === "add" ? "create" : "delete", lines);
                const shown = lines.filter((line) => line.trim() !== "");
                const [first, last] = [i === 0, i === changes.length - 1];
                if (shown.length <= (first || last ? context + 1 : 2 * context + 1)) return print("same", shown);
                const head = first ? "" : print("same", shown.slice(0, context));
                const tail = last && !first ? "" : print("same", shown.slice(-context));
                return head + gap + tail;
            })
            .join("");
    }
}

export function widest(keys: readonly string[]): number {
    return Math.max(0, ...keys.map((key) => key.length));
}

function isPrimitive(value: Property): value is null | boolean | number | string | Secret | Unknown {
    return !isArray(value) && !isPropertyMap(value) && !(value instanceof ResourceReference);
}

/** What is empty only clutters. */
export function isWorthShowing(value: Property): boolean {
    if (value === null || value === "") return false;
    if (isArray(value)) return value.length > 0;
    return !isPropertyMap(value) || value.size > 0;
}

/** Whether a key differs in a diff that may be missing. */
export function isSame(diff: ObjectDiff | undefined, key: string): boolean {
    return diff === undefined || !isChanged(diff, key);
}

/** A text that is JSON, or of several lines and YAML, is shown as what it says. */
function decode(text: string): { readonly kind: "json" | "yaml"; readonly value: Property } | undefined {
    const trimmed = text.trim();
    const plain = parseJson(trimmed);
    if (plain !== undefined) return structured(plain, "json");
    if (!/[\r\n]/.test(trimmed)) return undefined;
    const document = parseDocument(trimmed);
    return document.errors.length > 0 ? undefined : structured(document.toJS(), "yaml");
}

function parseJson(text: string): unknown {
    try {
        return JSON.parse(text) as unknown;
    } catch {
        return undefined;
    }
}

function structured<K>(plain: unknown, kind: K): { readonly kind: K; readonly value: Property } | undefined {
    return typeof plain === "object" && plain !== null ? { kind, value: fromPlain(plain) } : undefined;
}

function fromPlain(value: unknown): Property {
    if (Array.isArray(value)) return value.map(fromPlain);
    if (typeof value !== "object" || value === null) return value as Property;
    return new Map(Object.entries(value).map(([key, element]) => [key, fromPlain(element)]));
}

const maxLines = 3;
const maxLength = 150;

function truncated(text: string): string {
    const lines = text.split("\n");
    const short = lines
        .slice(0, maxLines)
        .map((line) => (line.length > maxLength ? `${line.slice(0, maxLength)}...` : line));
    return lines.length > maxLines ? `${short.join("\n")}\n...` : short.join("\n");
}
