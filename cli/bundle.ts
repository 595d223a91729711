import { createHash } from "node:crypto";
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import path from "node:path";
import { Script } from "node:vm";

/**
 * The command in one file, with V8's compiled code of it beside it: so it starts in half the time that its some hundred files
 * take. `npm run build` makes both, and an installed package makes the code anew (`record.ts`). Without them the command runs from
 * its files, and without the code it runs as well, only not as soon.
 */
export interface Bundle {
    /** V8's compiled code of what has run up to now, to be written into `codeFile`. */
    code(): Buffer;
    /** False where there was no compiled code, or none for this bundle and this Node. */
    readonly isCompiled: boolean;
    /** Runs the command, with the arguments in `process.argv`. */
    run(require: NodeJS.Require): void;
}

/** The bundle: an expression that is a function of `require` and `exports`, in ASCII. */
export const bundleFile = "command.js";

/** V8's compiled code of the bundle, for this Node alone, and behind it the seal over both. */
export const codeFile = `command.${process.platform}-${process.arch}-${process.version}.code`;

const sealLength = 32;

/** V8 asks whether code is of a text as long as this, and believes whatever is in it. */
function seal(source: Buffer, code: Buffer): Buffer {
    return createHash("sha256").update(source).update(code).digest();
}

/** @returns the code alone; undefined where it is not what was sealed with this bundle */
function unsealed(source: Buffer, sealed: Buffer | undefined): Buffer | undefined {
    const code = sealed?.subarray(0, -sealLength);
    return code !== undefined && sealed?.subarray(-sealLength).equals(seal(source, code)) === true ? code : undefined;
}

/** @returns undefined where `folder` has no bundle */
export function openBundle(folder: string): Bundle | undefined {
    const source = read(path.join(folder, bundleFile));
    if (source === undefined) return undefined;
    const code = unsealed(source, read(path.join(folder, codeFile)));
    const script = new Script(source.toString("latin1"), {
        // As it shows in a stack: V8's code holds the name that it was recorded with.
        filename: `schemaward/${bundleFile}`,
        ...(code === undefined ? {} : { cachedData: code }),
    });
    return {
        code: () => {
            const made = script.createCachedData();
            return Buffer.concat([made, seal(source, made)]);
        },
        isCompiled: script.cachedDataRejected === false,
        run: (require) => {
            const start = script.runInThisContext() as (require: NodeJS.Require, exports: object) => void;
            start(require, {});
        },
    };
}

/** Writes a file whole or not at all, since others may be running the command. */
export function writeWhole(file: string, content: string | Buffer): void {
    const half = `${file}.${process.pid}`;
    writeFileSync(half, content, "latin1");
    renameSync(half, file);
}

function read(file: string): Buffer | undefined {
    try {
        return readFileSync(file);
    } catch {
        return undefined;
    }
}
