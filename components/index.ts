export { PostgresSchema, type PostgresSchemaArgs } from "./postgres-schema";
export { SchemaVersion } from "./schema-version";
