import { readFileSync } from "node:fs";
import path from "node:path";
import { Script } from "node:vm";

/**
 * The command in one file, with V8's compiled code of it beside it: so it starts in half the time that its some hundred files
 * take. `npm run build` makes both; without them the command runs from its files, and without the code, or with that of another
 * V8, it runs as well, only not as soon.
 */
export interface Bundle {
    /** V8's compiled code of what has run up to now, to be written into `codeFile`. */
    code(): Buffer;
    /** False where there was no compiled code, or none for this V8. */
    readonly isCompiled: boolean;
    /** Runs the command, with the arguments in `process.argv`. */
    run(require: NodeJS.Require): void;
}

/** The bundle: an expression that is a function of `require` and `exports`, and begins with a comment that holds its id. Latin-1. */
export const bundleFile = "command.js";

/** V8's compiled code of the bundle, and behind it the id of the bundle it is of: V8 itself compares no more than lengths. */
export const codeFile = `command.${process.platform}-${process.arch}-${process.versions.v8}.code`;

/** Length of an id: SHA-256 in hexadecimal. */
export const idLength = 64;

/** What stands before an id in a bundle. */
export const idPrefix = "/* ";

/** @returns undefined where `folder` has no bundle */
export function openBundle(folder: string): Bundle | undefined {
    const file = path.join(folder, bundleFile);
    const source = read(file)?.toString("latin1");
    if (source === undefined) return undefined;
    const code = read(path.join(folder, codeFile));
    const id = source.slice(idPrefix.length, idPrefix.length + idLength);
    const isOfThis = code?.subarray(-idLength).toString("latin1") === id;
    const script = new Script(source, {
        filename: file,
        ...(isOfThis ? { cachedData: code.subarray(0, -idLength) } : {}),
    });
    return {
        code: () => Buffer.concat([script.createCachedData(), Buffer.from(id, "latin1")]),
        isCompiled: isOfThis && script.cachedDataRejected === false,
        run: (require) => {
            const start = script.runInThisContext() as (require: NodeJS.Require, exports: object) => void;
            start(require, {});
        },
    };
}

function read(file: string): Buffer | undefined {
    try {
        return readFileSync(file);
    } catch {
        return undefined;
    }
}
