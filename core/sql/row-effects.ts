import type { Client } from "pg";
import { calling, functionEffects } from "./function-effects";
import type { RowChange } from "./row-changes";
import { reactionsTo } from "./row-triggers";

/** What triggers and rules of a database do when a statement changes rows. @returns a sentence for each that loses something */
export async function triggerEffects(client: Client, changes: readonly RowChange[]): Promise<string[]> {
    const found: string[] = [];
    for (const { name, functions, isRule } of await reactionsTo(client, changes, false)) {
        if (isRule) {
            found.push(`${name} may do something else`);
            continue;
        }
        const { hidden, outside } = await functionEffects(client, calling(functions));
        if (outside !== undefined) found.push(`${name}: ${outside} acts outside this database`);
        if (hidden !== undefined) found.push(`${name} with ${hidden}`);
    }
    return [...new Set(found)];
}
