import { protectSnapshot, unprotectSnapshot } from "../core/snapshots/protection";
import { print } from "./output";
import { readSnapshot, readSnapshotTarget, type SnapshotFlags } from "./snapshot-target";

/** `schemaward snapshot protect NAME` and `unprotect NAME`: whether retention leaves it alone. Needs no database. */
export async function setProtection(asked: string, protect: boolean, flags: SnapshotFlags): Promise<void> {
    const target = readSnapshotTarget(flags);
    const { store } = target;
    const snapshot = await readSnapshot(target, asked);
    const { name } = snapshot.manifest;
    if (protect) await protectSnapshot(store, name);
    else await unprotectSnapshot(store, name);
    const already = snapshot.protected === protect ? " already" : "";
    print(flags.json === true, { ok: true, store: store.url, name, protected: protect, changed: already === "" }, [
        protect
            ? `${name} is protected${already}: retention does not delete it`
            : `${name} is not protected${already === "" ? " any more" : ", and was not"}: retention may delete it`,
    ]);
}
