import { openDatabase } from "../core/connection";
import { describeEvent } from "../core/run/describe-event";
import { takeRestorePoint } from "../core/run/restore-point";
import { archiveBytes } from "../core/snapshots/archive";
import { interruptible } from "./interruptible";
import { print, progressLines } from "./output";
import { summaryOf } from "./snapshot-summary";
import { readSnapshotTarget, type SnapshotFlags } from "./snapshot-target";

/** `schemaward snapshot create`: a verified snapshot of the database as it is, whatever is applied. */
export async function createSnapshot(
    flags: SnapshotFlags & { readonly label?: string; readonly protect?: boolean },
): Promise<void> {
    const json = flags.json === true;
    const target = readSnapshotTarget(flags);
    const { store, declarer, set, app } = target;
    const tell = progressLines(json);
    await interruptible(async (signal) => {
        const started = Date.now();
        const manifest = await takeRestorePoint({
            ...{ database: openDatabase(target.connection), store, declarer, set, signal },
            ...(app === undefined ? {} : { app }),
            ...(flags.label === undefined ? {} : { label: flags.label }),
            protect: flags.protect === true,
            ...(target.jobs === undefined ? {} : { jobs: target.jobs }),
            ...(target.encryption === undefined ? {} : { encryption: target.encryption }),
            onProgress: ({ bytes, estimate }) => {
                const name = flags.label ?? "restore-point";
                tell(describeEvent({ type: "snapshot-progress", name, bytes, estimate }) ?? "", bytes / estimate);
            },
        });
        const { name } = manifest;
        const verified = { ok: true, at: manifest.created } as const;
        const taken = { manifest, verified, protected: flags.protect === true, inUse: false };
        const seconds = (Date.now() - started) / 1000;
        const line = describeEvent({ type: "snapshot-done", name, bytes: archiveBytes(manifest), seconds }) ?? "";
        print(json, { ok: true, store: store.url, snapshot: summaryOf(taken) }, [line, name]);
    }, "the snapshot is given up");
}
