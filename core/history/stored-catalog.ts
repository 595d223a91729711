import type { CatalogObject } from "../sql/observation";

// Some megabytes of JSON for a thousand tables, written after each run and read only to name what has drifted: compressed here,
// which is far less work for the server than jsonb.

// Loaded when it is needed, which for a plan at head it is not.
const zlib = (): typeof import("node:zlib") => require("node:zlib") as typeof import("node:zlib");

/** A catalog as the ledger stores it. */
export function packCatalog(objects: readonly CatalogObject[]): Buffer {
    return zlib().deflateSync(JSON.stringify(objects), { level: 1 });
}

/** @throws Error when it is not what `packCatalog` has made */
export function unpackCatalog(packed: Buffer): readonly CatalogObject[] {
    return JSON.parse(zlib().inflateSync(packed).toString("utf8")) as CatalogObject[];
}
