export {
    BackupBucket,
    type BackupBucketArgs,
    type ExistingStore,
    type NewBucket,
    type ObjectLock,
} from "./backup-bucket";
export { DatabaseAccess, type DatabaseAccessArgs } from "./database-access";
export { PostgresSchema, type PostgresSchemaArgs } from "./postgres-schema";
export { SchemaVersion } from "./schema-version";
export { Snapshot, type SnapshotArgs } from "./snapshot";
export { TrafficResume } from "./traffic-resume";
export {
    type AccessSubject,
    type GateKind,
    type NewServiceAccount,
    TrafficAccess,
    type TrafficAccessArgs,
} from "./traffic-access";
