// What legitimately differs between two runs of the same commands. Each rule says why it is there; none may take away what a
// user or another program reads.

import { createHash } from "node:crypto";
import { Crypter } from "../../offline-engine/secrets";

const uuid = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;

/** The id that stands for "not known yet" is the same everywhere. */
const unknownId = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

/** Output of a command, with rows and sections that come in any order put in one order. */
export function normaliseOutput(text: string, dir: string): string {
    const lines = text
        // Each run has its own folder, lock ids, host, processes and clock.
        .replaceAll(dir, "DIR")
        .replaceAll(uuid, (id) => (id === unknownId ? id : "UUID"))
        .replaceAll(
            /created by \S+@\S+ \(pid \d+\) at \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g,
            "created by WHO (pid N) at TIME",
        )
        .replaceAll(/\(\d+(?:\.\d\d)?s\)/g, "(Ns)")
        .replaceAll(/^Duration: (?:\d+m)?\d+s$/gm, "Duration: Ns")
        // Since the last update: the column is as wide as the widest time.
        .replace(/^(NAME +LAST UPDATE) +(.+\n.+?)(?:now|\d+ seconds? ago) +/m, "$1  $2AGO  ")
        .split("\n")
        // A line for each second in which nothing happens.
        .filter((line) => !/^@ [a-z ]+\.{4,}$/.test(line));
    return sortDiagnostics(sortProgress(lines)).join("\n");
}

/**
 * Of two resources that are worked on at once either may be faster: lines of one resource stay in their order. A destroy knows the
 * stack twice, so its rows go by their first column, too.
 */
function sortProgress(lines: readonly string[]): string[] {
    const row = /^ (?<op>[ +~-]{2}) (?<subject>(?:pulumi-nodejs|postgres-schema|pulumi):\S+ \S+)/;
    const keyOf = (line: string): string | undefined => {
        const { op = "", subject } = row.exec(line)?.groups ?? {};
        return subject?.startsWith("pulumi:pulumi:Stack") === true ? `${subject}${op}` : subject;
    };
    return sortRuns(
        lines.map((line) => ({ key: keyOf(line), lines: [line] })),
        (block) => block.key,
    );
}

/** The CLI keeps the rows in a Go map and prints their messages in its order, which is another every time. */
function sortDiagnostics(lines: readonly string[]): string[] {
    const blocks: { key: string | undefined; lines: string[] }[] = [];
    let key: string | undefined;
    for (const line of lines) {
        const heading = /^ {2}\S+ \(\S+\):$/.test(line);
        if (heading) key = line;
        else if (line !== "" && !line.startsWith("    ")) key = undefined;
        const last = blocks.at(-1);
        if (last === undefined || heading || key === undefined || last.key !== key) blocks.push({ key, lines: [line] });
        else last.lines.push(line);
    }
    return sortRuns(blocks, (block) => block.key);
}

/** Sorts neighbours that have keys; what has none stays where it is and parts them. */
function sortRuns<B extends { readonly lines: readonly string[] }>(
    blocks: readonly B[],
    keyOf: (block: B) => string | undefined,
): string[] {
    const sorted: B[] = [];
    let run: B[] = [];
    const flush = (): void => {
        sorted.push(...run.sort((a, b) => compare(keyOf(a) ?? "", keyOf(b) ?? "")));
        run = [];
    };
    for (const block of blocks) {
        if (keyOf(block) !== undefined) run.push(block);
        else {
            flush();
            sorted.push(block);
        }
    }
    flush();
    return sorted.flatMap((block) => block.lines);
}

function compare(a: string, b: string): number {
    return a < b ? -1 : Number(a > b);
}

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/**
 * A JSON document of the CLI: checkpoint, export or preview.
 * @param passphrase opens its secrets, which are compared in clear: two encryptions of one text are never the same
 */
export async function normaliseJson(text: string, dir: string, passphrase: string): Promise<Json> {
    const content = JSON.parse(text.replaceAll(dir, "DIR")) as Json;
    const salt = /"salt": ?"([^"]+)"/.exec(text)?.[1];
    const crypter = salt === undefined ? undefined : await Crypter.open(passphrase, salt);
    const ids = new Map<string, string>();
    return new Normaliser(ids, crypter).value(content);
}

class Normaliser {
    constructor(
        private readonly ids: Map<string, string>,
        private readonly crypter: Crypter | undefined,
    ) {}

    value(json: Json): Json {
        if (typeof json === "string") return this.text(json);
        if (isList(json)) return json.map((element) => this.value(element));
        if (typeof json !== "object" || json === null) return json;
        const entries = Object.entries(json).map(([key, value]) => [key, this.member(key, value, json)] as const);
        return Object.fromEntries(entries);
    }

    private member(key: string, value: Json, owner: Readonly<Record<string, Json>>): Json {
        switch (key) {
            case "ciphertext":
                return typeof value === "string" ? { clear: this.crypter?.decrypt(value) ?? null } : value;
            // Each stack has its own; that it is the right one shows when secrets are decrypted with it.
            case "salt":
                return "SALT";
            // The clock's, but what an update leaves alone keeps its time.
            case "created":
            case "time":
                return isTime(value) ? "TIME" : value;
            case "modified":
                return isTime(value) && value !== owner["created"] ? "LATER" : "TIME";
            case "duration":
                return typeof value === "number" && value > 0 ? "DURATION" : value;
            // Who wrote it; the magic number has to belong to that.
            case "version":
                return "magic" in owner ? "VERSION" : this.value(value);
            case "magic":
                return value === sha256(owner["version"]) ? "MAGIC" : value;
            // Frames of Node itself have no position, and there are as many as this Node has.
            case "stackTrace":
                return isList(value)
                    ? value.filter((f) => JSON.stringify(f) !== "{}").map((f) => this.value(f))
                    : value;
            default:
                return this.value(value);
        }
    }

    private text(text: string): string {
        return (
            text
                // Providers get a random id; where it stands again it has to be the same.
                .replaceAll(uuid, (id) => (id === unknownId ? id : this.idOf(id)))
                // Where the SDK lies, and on which line of it, goes with its version. The program's own lines stay.
                .replace(/^(project:\/\/\/).*?(node_modules\/[^#]+)#[\d,]+$/, "$1$2")
        );
    }

    private idOf(id: string): string {
        const known = this.ids.get(id) ?? `UUID-${this.ids.size}`;
        this.ids.set(id, known);
        return known;
    }
}

function sha256(version: Json | undefined): string | undefined {
    return typeof version === "string" ? createHash("sha256").update(version).digest("hex") : undefined;
}

function isList(json: Json): json is readonly Json[] {
    return Array.isArray(json);
}

function isTime(value: Json): boolean {
    return typeof value === "string" && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z$/.test(value);
}
