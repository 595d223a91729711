import { openDatabase } from "../core/connection";
import { BadInputError } from "../core/errors";
import { readLedger } from "../core/history/ledger";
import { readIncident } from "../core/run/incident";
import { incidentText } from "../core/run/incident-text";
import { print } from "./output";
import { readTarget, type TargetFlags } from "./target";

/** `schemaward incident`: the record of the last run that went back, or of a certain run, as the ledger has it. */
export async function incident(flags: TargetFlags & { readonly json?: boolean; readonly run?: string }): Promise<void> {
    const { declaration } = readTarget(flags);
    const client = await openDatabase(declaration.connection).connect("incident");
    try {
        const { exists } = await readLedger(client, declaration.set);
        const found = exists ? await readIncident(client, declaration.set, flags.run) : undefined;
        if (found === undefined)
            throw new BadInputError({
                what:
                    flags.run === undefined
                        ? `No run of the set ${declaration.set} has gone back.`
                        : `The set ${declaration.set} has no run ${flags.run}.`,
                state: "Nothing was touched.",
                next: "See that database and set (--set NAME) are meant.",
            });
        const text = incidentText(found);
        print(flags.json === true, { ok: true, ...found, markdown: text }, [text.trimEnd()]);
    } finally {
        await client.end();
    }
}
