import type { Node } from "libpg-query";
import { as, strings } from "./nodes";

/** A CreateFunctionStmt, as far as its text goes. */
export interface Routine {
    readonly funcname?: Node[];
    readonly options?: Node[];
}

/** What CREATE FUNCTION or PROCEDURE makes; no body where it is of the standard's form, without quotes. */
export function routineOf({ funcname, options = [] }: Routine): { name: string; body?: string; language: string } {
    const given = options.flatMap((n) => as<{ defname?: string; arg?: Node }>(n, "DefElem") ?? []);
    const option = (name: string): Node | undefined => given.find((o) => o.defname === name)?.arg;
    const [body] = strings(as<{ items?: Node[] }>(option("as"), "List")?.items);
    return {
        name: strings(funcname).at(-1) ?? "",
        ...(body === undefined ? {} : { body }),
        language: as<{ sval?: string }>(option("language"), "String")?.sval?.toLowerCase() ?? "sql",
    };
}
