import { Readable } from "node:stream";
import { openS3Store } from "../../core/snapshots/s3-store";

/**
 * A process that uploads so many MiB, each of a value of its own, and tells its parent how much memory it took at most; or one that says so in
 * the middle, and waits to be killed. Arguments: URL, name, MiB, "end" or "hang", size of a part in MiB or "".
 */
const [, , url = "", name = "", total = "", then = "", part = ""] = process.argv;
const MiB = 1024 * 1024;
/** Not getrusage's: that one begins with what the parent had when it forked. */
let maxRss = 0;

async function* source(): AsyncGenerator<Buffer> {
    for (let i = 0; i < Number(total); i += 1) {
        maxRss = Math.max(maxRss, process.memoryUsage.rss());
        // Pieces as a pipe brings them.
        for (let j = 0; j < 16; j += 1) yield Buffer.alloc(MiB / 16, i);
    }
    if (then !== "hang") return;
    process.send?.("mid-stream");
    await new Promise(() => undefined);
}

const store = openS3Store(url, "/", part === "" ? {} : { partBytes: () => Number(part) * MiB });
void store.put(name, Readable.from(source(), { objectMode: false })).then(({ bytes }) => {
    process.send?.({ bytes, maxRss });
});
