import { archiveBytes } from "../core/snapshots/archive";
import type { StoredSnapshot } from "../core/snapshots/contents";

/** A snapshot in `--json`, docs/cli.md. */
export function summaryOf({ manifest, verified, inUse, ...rest }: StoredSnapshot): object {
    const { name, kind, label, environment, set, app, from, to, created, databaseBytes, archive } = manifest;
    return {
        ...{ name, kind, label, environment, set, app, from, to, created },
        ...{
            bytes: archiveBytes(manifest),
            sha256: archive.sha256,
            databaseBytes,
            jobs: 1 + archive.parts.length,
            encrypted: archive.encryption !== null,
        },
        ...{ protected: rest.protected, verified, inUse },
    };
}

/** Time since then: `12 min`, `5 h`, `3 d`. */
export function ageText(since: string, now: Date): string {
    const minutes = Math.max(0, now.getTime() - Date.parse(since)) / 60_000;
    if (minutes < 1) return "now";
    if (minutes < 100) return `${String(Math.floor(minutes))} min`;
    return minutes < 60 * 48 ? `${String(Math.floor(minutes / 60))} h` : `${String(Math.floor(minutes / 1440))} d`;
}
