import { leave, openDatabase } from "../core/connection";
import { BadInputError } from "../core/errors";
import { dropKept, type Kept, readKept } from "../core/history/kept";
import { print } from "./output";
import { readTarget, type TargetFlags } from "./target";

/** `schemaward kept`: what keepData has kept and is not back; `--drop ID` forgets one. */
export async function keptCommand(
    flags: TargetFlags & { readonly json?: boolean; readonly drop?: number },
): Promise<void> {
    // The folder of the migrations does not matter here.
    const { declaration } = readTarget(flags.stack === undefined ? { ...flags, dir: flags.dir ?? "." } : flags);
    const client = await openDatabase(declaration.connection).connect("kept");
    try {
        if (flags.drop !== undefined && !(await dropKept(client, declaration.set, flags.drop)))
            throw new BadInputError({
                what: `Nothing is kept under ${String(flags.drop)}.`,
                state: "Nothing was touched.",
                next: "schemaward kept lists what is.",
            });
        const kept = await readKept(client, declaration.set);
        print(flags.json === true, { ok: true, dropped: flags.drop ?? null, kept }, [
            ...(flags.drop === undefined ? [] : [`forgotten: ${String(flags.drop)}`]),
            ...(kept.length === 0 ? ["nothing is kept that is not back"] : kept.map(lineOf)),
        ]);
    } finally {
        leave(client);
    }
}

function lineOf({ id, version, object, column, rows, loaded, at, error, current }: Kept): string {
    const what = `${object}${column === null ? "" : `.${column}`}`;
    const state =
        error !== null
            ? `could not be loaded back: ${error}`
            : !current
              ? `of an earlier time: ${version} was applied again without it`
              : loaded === null
                ? `comes back when ${version} is applied again with keepData`
                : `${String(rows - loaded)} have no place any more`;
    return `${String(id)}  ${what}, ${String(rows)} rows, of ${version}, kept ${at.toISOString().slice(0, 16).replace("T", " ")}Z in schemaward.kept_${String(id)}: ${state}`;
}
