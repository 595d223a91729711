import { z } from "zod";
import type { Declaration } from "../core/declaration";

/** What Pulumi hands over in preview for a value that is not known yet. Source: sdk/nodejs/runtime/rpc.ts, unknownValue. */
export const unknownValue = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

/** Inputs of a SchemaVersion: a declaration, with what the component found out when it planned. */
export interface SchemaVersionInputs extends Declaration {
    /** Name of the resource that plans and errors speak of. */
    readonly resource: string;
    /** The plan's lines; shown in `preview --diff`, never compared. */
    readonly plan: readonly string[];
    readonly digest: string;
    /** Why the plan may not be carried out; empty: it may. */
    readonly refusals: readonly string[];
    /** Pulumi's own: the provider's code. */
    readonly __provider?: string;
}

/** Outputs besides the inputs. */
export interface SchemaVersionState extends SchemaVersionInputs {
    /** Where the database is: highest applied version, "0" for none. */
    readonly at: string;
    /** Name of the last snapshot that a run of this resource took. */
    readonly lastSnapshot: string | null;
    /** Id of the last run that changed something. */
    readonly lastRun: string | null;
}

const text = z.string();

/** The form of the inputs; what they mean was checked by whoever made the declaration. */
const inputsSchema = z.looseObject({
    set: text,
    declarer: z.looseObject({ project: text, stack: text, environment: text }),
    migrations: z.looseObject({ dir: text, format: text }),
    version: z.string({ error: 'a version is a string: write "024" in quotes' }),
    connection: z.looseObject({}),
    history: z.looseObject({ mirror: text }),
    snapshot: z.looseObject({ required: z.boolean() }),
    policy: z.looseObject({ approval: text }),
    run: z.looseObject({}),
    resource: text,
});

/** Problems of form, as Pulumi's check failures; none where something is not known yet. */
export function checkForm(news: unknown): { property: string; reason: string }[] {
    if (holdsUnknown(news)) return [];
    const result = inputsSchema.safeParse(news);
    return (result.error?.issues ?? []).map((issue) => ({
        property: issue.path.map(String).join("."),
        reason: issue.message,
    }));
}

/** Whether any value in it is not known yet. */
export function holdsUnknown(value: unknown): boolean {
    if (value === unknownValue) return true;
    if (typeof value !== "object" || value === null) return false;
    return Object.values(value).some((v) => holdsUnknown(v));
}
