import type { Client } from "pg";
import { calling, functionEffects } from "./function-effects";
import type { RowChange } from "./row-changes";
import { reactionsTo } from "./row-triggers";

/** What triggers and rules do. */
export interface RowEffects {
    /** A sentence for each that loses something. */
    readonly losing: readonly string[];
    /** Whether one makes, changes or drops objects. */
    readonly defines: boolean;
}

/** Compiled trigger functions of the extensions that PostgreSQL ships, which change the row at hand or add one. */
const harmless = ["moddatetime", "autoinc", "insert_username", "versioning", "tsvector_update_trigger"];

/** What triggers and rules of a database do when a statement changes rows; on a shadow, where it changes none, they are not seen at work. */
export async function triggerEffects(client: Client, changes: readonly RowChange[]): Promise<RowEffects> {
    const losing: string[] = [];
    let defines = false;
    for (const { name, functions, isRule } of await reactionsTo(client, changes, false)) {
        if (isRule) {
            losing.push(`${name} may do something else`);
            continue;
        }
        const effects = await functionEffects(client, calling(functions));
        if (effects.outside !== undefined) losing.push(`${name}: ${effects.outside} acts outside this database`);
        if (effects.hidden !== undefined) losing.push(`${name} with ${effects.hidden}`);
        if (effects.drops) losing.push(`${name} with changes of the schema`);
        const unread = effects.compiled.filter((each) => !harmless.includes(each));
        if (unread.length > 0) losing.push(`${name} with compiled code in ${unread.join(", ")}`);
        defines ||= effects.defines;
    }
    return { losing: [...new Set(losing)], defines };
}
