import { execFileSync } from "node:child_process";
import { mkdtempSync, rmdirSync, statfsSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { type Capability, ready } from "../../tools/capability";

/** More than a test writes. */
const plenty = 512;

/** A file system of its own, in memory, that can be made full and be given room again. */
export class SmallDisk {
    readonly folder = mkdtempSync(path.join(os.tmpdir(), "schemaward-disk-"));

    constructor() {
        try {
            mount("-t", "tmpfs", "-o", `size=${plenty}m`, "tmpfs", this.folder);
        } catch (error) {
            rmdirSync(this.folder);
            throw error;
        }
    }

    /** From now on so many megabytes more fit onto it. */
    leave(megabytes: number): void {
        const { blocks, bfree, bsize } = statfsSync(this.folder);
        const used = (blocks - bfree) * bsize;
        // 0 would stand for no limit.
        mount("-o", `remount,size=${Math.max(bsize, used + Math.round(megabytes * 1024) * 1024)}`, this.folder);
    }

    makeRoom(): void {
        this.leave(plenty);
    }

    remove(): void {
        // Lazily: whoever still has a file open on it must not keep it mounted for ever.
        execFileSync("umount", ["--lazy", this.folder]);
        rmdirSync(this.folder);
    }
}

function mount(...args: readonly string[]): void {
    execFileSync("mount", args, { stdio: ["ignore", "ignore", "pipe"], encoding: "utf8" });
}

/** Nothing is fetched for it: this machine lets us mount, or it does not. */
export const smallDisk: Capability = {
    name: "a small disk",
    budget: 5,
    prepare: () => {
        if (process.platform !== "linux" || process.getuid?.() !== 0)
            return { state: "absent", why: "mounting a file system needs Linux and root" };
        try {
            new SmallDisk().remove();
            return ready;
        } catch (error) {
            const { stderr } = error as { readonly stderr?: string };
            return {
                state: "absent",
                why: `this machine does not let root mount one: ${stderr?.trim() ?? String(error)}`,
            };
        }
    },
};
