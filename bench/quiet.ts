import { closeSync, openSync } from "node:fs";
import path from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { median } from "./measure";

/** How long ext4 passes over the inode of a deleted file: RECENTCY_DIRTY in the kernel's fs/ext4/ialloc.c. */
const longestMs = 300_000;

/** Making an empty file takes four to five times as long as opening it; among inodes that were freed lately, 12 to 70 times. */
const usual = 8;

/**
 * Waits until files are made as quickly as ever. After many were deleted, as by tests, ext4 looks for each new one among the inodes that
 * it may not use yet, and a migration that makes a table, half a dozen files, takes twice as long by whatever tool.
 * @param makeFolder an empty folder beside those in which it matters: another one may lie in another part of the disk
 * @returns whether it is so; false when it was not within the five minutes that ext4 needs
 */
export async function waitForQuietDisk(makeFolder: () => string, onWait: () => void): Promise<boolean> {
    const until = Date.now() + longestMs;
    for (let first = true; makingByOpening(makeFolder()) > usual; first = false) {
        if (Date.now() > until) return false;
        if (first) onWait();
        await wait(10_000);
    }
    return true;
}

function makingByOpening(folder: string): number {
    const files = Array.from({ length: 200 }, (_, i) => path.join(folder, String(i)));
    const took = (flags: string): number => median(files.map((file) => millisecondsOf(() => openSync(file, flags))));
    return took("wx") / took("r");
}

function millisecondsOf(open: () => number): number {
    const started = performance.now();
    const file = open();
    const took = performance.now() - started;
    closeSync(file);
    return took;
}
