import type { Client } from "pg";
import type { Database } from "../../connection";
import type { Declaration } from "../../declaration";
import type { Manifest } from "../../snapshots/manifest";
import type { SnapshotStore } from "../../snapshots/store";
import type { RunIdentity } from "../identity";
import type { LastRestore } from "./left-behind";
import type { RestoreOptions } from "./options";
import type { FoundFacts } from "./read-facts";
import type { RestorePlan } from "./restore-plan";

/** What a restore works with. */
export interface RestoreSetting {
    readonly declaration: Declaration;
    readonly options: RestoreOptions;
    readonly database: Database;
    /** Name of the live database. */
    readonly live: string;
    /** Session in another database of the server, with the lock of restoring this one. */
    readonly beside: Client;
    readonly identity: RunIdentity;
    readonly store: SnapshotStore;
    readonly manifest: Manifest;
    readonly plan: RestorePlan;
    readonly facts: FoundFacts;
    /** Name of the emergency snapshot that a restore before this one has taken, since when nothing was written; undefined: none. */
    readonly taken: string | undefined;
    /** A restore before this one that had come to its place, and was cut off before traffic was in again: this one ends it. */
    readonly unfinished: LastRestore | undefined;
}
