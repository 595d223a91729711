import { bytesText, secondsText } from "../core/plan/render-text";
import { latest } from "../core/snapshots/contents";
import { keyOf } from "../core/snapshots/encryption";
import { verifySnapshot } from "../core/snapshots/verify";
import { interruptible } from "./interruptible";
import { endLine, print, progressLines } from "./output";
import { readSnapshot, readSnapshotTarget, type SnapshotFlags } from "./snapshot-target";

/** `schemaward snapshot verify NAME`: reads it wholly, and records what that showed. Needs no database. */
export async function verifyCommand(asked: string, flags: SnapshotFlags): Promise<void> {
    const json = flags.json === true;
    const target = readSnapshotTarget(flags);
    const tell = progressLines(json);
    await interruptible(async (signal) => {
        // One that is unusable has a better explanation there.
        const name = asked === latest ? (await readSnapshot(target, asked)).manifest.name : asked;
        const started = Date.now();
        const key = keyOf(target.encryption);
        const unrecorded: string[] = [];
        const { bytes, sha256 } = await verifySnapshot(target.store, name, {
            signal,
            ...(key === undefined ? {} : { key }),
            onProgress: (read, of) => {
                tell(`verifying ${name}: ${bytesText(read)} of ${bytesText(of)}`, read / of);
            },
            onUnrecorded: (why) => {
                unrecorded.push(why);
            },
        });
        endLine();
        print(json, { ok: true, store: target.store.url, name, bytes, sha256, unrecorded: unrecorded[0] ?? null }, [
            `${name} is whole: ${bytesText(bytes)} read in ${secondsText((Date.now() - started) / 1000)}, SHA-256 ${sha256}`,
            ...unrecorded.map((why) => `this could not be recorded in the store: ${why}`),
        ]);
    }, "the snapshot is read no further");
}
