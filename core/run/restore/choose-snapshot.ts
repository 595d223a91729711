import type { Declaration } from "../../declaration";
import { findSnapshot, latest, readStore } from "../../snapshots/contents";
import type { Manifest } from "../../snapshots/manifest";
import type { SnapshotStore } from "../../snapshots/store";

/**
 * The snapshot that somebody means.
 * @param asked a name, or `latest`: the newest undamaged one of this environment and set, those aside that a restore took of what it put away
 * @throws BadInputError naming what there is
 */
export async function chooseSnapshot(
    store: SnapshotStore,
    asked: string,
    { declarer, set }: Declaration,
    setIsAssumed = false,
): Promise<Manifest> {
    const contents = await readStore(store);
    const offered =
        asked === latest
            ? { ...contents, snapshots: contents.snapshots.filter(({ manifest }) => manifest.kind !== "emergency") }
            : contents;
    const scope = declarer === undefined ? {} : { environment: declarer.environment, ...(setIsAssumed ? {} : { set }) };
    return findSnapshot(store, offered, asked, scope).manifest;
}
