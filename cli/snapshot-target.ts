import type { ConnectionReference } from "../core/connection";
import type { Declarer, RetentionRules, SnapshotEncryption } from "../core/declaration";
import { BadInputError } from "../core/errors";
import type { Scope, StoredSnapshot } from "../core/snapshots/contents";
import type { SnapshotStore } from "../core/snapshots/store";
import { readTarget } from "./target";

/** The flags by which a command of `schemaward snapshot` is told its store, its database, and whose snapshots are meant. */
export interface SnapshotFlags {
    readonly stack?: string;
    readonly store?: string;
    readonly url?: string;
    readonly environment?: string;
    readonly set?: string;
    readonly json?: boolean;
    /** Of `create`. */
    readonly jobs?: number;
    readonly recipient?: readonly string[];
}

export interface SnapshotTarget {
    readonly store: SnapshotStore;
    /** Whose snapshots are meant where none is named. */
    readonly scope: Scope;
    readonly connection: ConnectionReference;
    /** Who takes one, and for which set. */
    readonly declarer: Declarer;
    readonly set: string;
    readonly app: string | undefined;
    /** The stack's own rules. */
    readonly keep: number | RetentionRules | undefined;
    /** The stack's own, or what the flags say. */
    readonly jobs: number | undefined;
    readonly encryption: SnapshotEncryption | undefined;
}

/**
 * What `--stack`, or `--store`, `--environment` and `--set`, mean; of a stack whose store is made by the stack itself `--store` says where
 * it is.
 * @throws BadInputError
 */
export function readSnapshotTarget(flags: SnapshotFlags): SnapshotTarget {
    const { openStore } = require("../core/snapshots/stores.js") as typeof import("../core/snapshots/stores");
    const { stack, environment, set } = flags;
    if (stack !== undefined) {
        if (environment !== undefined)
            throw new BadInputError({
                what: "--stack and --environment exclude each other: the stack's file says it.",
                state: "Nothing was touched.",
                next: "Give one of them.",
            });
        const { url } = flags;
        const of = { stack, ...(set === undefined ? {} : { set }), ...(url === undefined ? {} : { url }) };
        const { declaration, projectDir } = readTarget(of);
        const store = flags.store ?? declaration.snapshot.store;
        if (store === undefined)
            throw new BadInputError({
                what: `The stack's file names no store: ${stack} makes its own bucket, or has none.`,
                where: { object: "snapshot.store" },
                state: "Nothing was touched.",
                next: "Say where it is with --store.",
            });
        const declarer = declaration.declarer ?? { project: "", stack, environment: stack };
        return {
            store: openStore(store, projectDir),
            scope: { environment: declarer.environment, set: declaration.set },
            connection: declaration.connection,
            declarer,
            set: declaration.set,
            app: declaration.app,
            keep: declaration.snapshot.keep,
            jobs: flags.jobs ?? declaration.snapshot.jobs,
            encryption:
                flags.recipient === undefined ? declaration.snapshot.encryption : { recipients: flags.recipient },
        };
    }
    if (flags.store === undefined)
        throw new BadInputError({
            what: "Which store?",
            state: "Nothing was touched.",
            next: "Give --stack NAME in a project's folder, or --store file:DIR (or s3://BUCKET/PREFIX).",
        });
    return {
        store: openStore(flags.store, process.cwd()),
        scope: { ...(environment === undefined ? {} : { environment }), ...(set === undefined ? {} : { set }) },
        connection: flags.url === undefined ? { env: "DATABASE_URL" } : { url: flags.url },
        declarer: { project: "", stack: "", environment: environment ?? "db" },
        set: set ?? "default",
        app: undefined,
        keep: undefined,
        jobs: flags.jobs,
        encryption: flags.recipient === undefined ? undefined : { recipients: flags.recipient },
    };
}

/**
 * The snapshot of a name, or the latest one.
 * @throws BadInputError, FailedError
 */
export async function readSnapshot({ store, scope }: SnapshotTarget, name: string): Promise<StoredSnapshot> {
    const { findSnapshot, readStore } =
        require("../core/snapshots/contents.js") as typeof import("../core/snapshots/contents");
    return findSnapshot(store, await readStore(store), name, scope);
}
