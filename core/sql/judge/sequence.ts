import type { Node } from "libpg-query";
import type { IdentifiedObject } from "../catalog";
import { nameOf, quoteIdentifier, writtenName, type RangeVar } from "../identifiers";
import type { JudgeContext } from "./context";
import { isFree, isTemporary, named } from "./table";
import { relationKinds } from "./kinds";
import { as, strings } from "../nodes";

interface Option {
    readonly defname?: string;
    readonly arg?: Node;
}

function optionsOf(list: unknown): Option[] {
    return ((list ?? []) as Node[]).flatMap((n) => as<Option>(n, "DefElem") ?? []);
}

/** CREATE SEQUENCE. */
export function createSequence(context: JudgeContext, body: Record<string, unknown>): void {
    const range = body["sequence"] as RangeVar;
    const temporary = isTemporary(range);
    if (!isFree(context, range, temporary, body["if_not_exists"] === true)) return;
    const sequence = context.model.add("sequence", named(range), "SEQUENCE", { temporary });
    setOwner(context, sequence, optionsOf(body["options"]));
}

/** ALTER SEQUENCE. RESTART sets the position alone, which no schema holds. */
export function alterSequence(context: JudgeContext, body: Record<string, unknown>): void {
    const { model } = context;
    const range = body["sequence"] as RangeVar;
    const sequence = context.lookUp(["sequence"], nameOf(range), body["missing_ok"] === true);
    if (sequence === undefined) return;
    context.lock("SHARE ROW EXCLUSIVE", sequence);
    const options = optionsOf(body["options"]);
    if (options.some((o) => o.defname !== "restart" && o.defname !== "owned_by"))
        model.change(sequence, `${sequence.definition} (altered)`);
    setOwner(context, model.get(sequence.id) ?? sequence, options);
}

/** OWNED BY. */
function setOwner(context: JudgeContext, sequence: IdentifiedObject, options: readonly Option[]): void {
    const { model } = context;
    const owned = options.find((o) => o.defname === "owned_by");
    if (owned === undefined) return;
    const parts = strings(as<{ items?: Node[] }>(owned.arg, "List")?.items);
    const { of: _of, ofId: _ofId, ...free } = sequence;
    model.dependencies.release(sequence.id, (d) => d.type !== "a");
    const bare = sequence.definition.replace(/ OWNED BY .*$/, "");
    if (parts.length === 1) {
        model.replace({ ...free, definition: bare });
        return;
    }
    const table = context.lookUp(relationKinds, writtenName(parts.slice(0, -1)), false);
    const column = table === undefined ? undefined : model.part("column", table, parts.at(-1) ?? "");
    if (table === undefined || column === undefined)
        return context.unsure(`column ${parts.map(quoteIdentifier).join(".")} is not known`);
    model.replace({ ...free, of: table.name, ofId: table.id, definition: `${bare} OWNED BY ${column.name}` });
    model.dependencies.add(sequence.id, column.id, "a");
}
