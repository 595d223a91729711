import type { Declaration } from "../../declaration";
import { BadInputError } from "../../errors";
import type { Manifest } from "../../snapshots/manifest";
import type { SnapshotStore } from "../../snapshots/store";
import { listSnapshots } from "../../snapshots/verify";

/**
 * The snapshot that somebody means.
 * @param asked a name, or `latest`: the newest of this environment and set, those aside that a restore took of what it put away
 * @throws BadInputError naming what there is
 */
export async function chooseSnapshot(
    store: SnapshotStore,
    asked: string,
    { declarer, set }: Declaration,
): Promise<Manifest> {
    const all = await listSnapshots(store);
    const ours = all.filter(
        (m) => declarer === undefined || (m.environment === declarer.environment && m.set === set),
    );
    const found =
        asked === "latest" ? ours.find((m) => m.kind !== "emergency") : all.find((m) => m.name === asked);
    if (found !== undefined) return found;
    const near = (ours.length === 0 ? all : ours).slice(0, 10).map((m) => m.name);
    throw new BadInputError({
        what:
            asked === "latest"
                ? `There is no snapshot of ${declarer === undefined ? "any" : `${declarer.environment}/${set}`}.`
                : `There is no snapshot ${asked}.`,
        where: { object: store.url },
        detail: near.map((name) => `there is: ${name}`),
        state: "Nothing was touched.",
        next: near.length === 0 ? "Check the store's URL." : "Name one of these.",
    });
}
