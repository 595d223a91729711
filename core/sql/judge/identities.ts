import type { IdentifiedObject } from "../catalog";
import { withParts } from "../column-definition";
import { bareName, quoteIdentifier, splitTopLevel } from "../identifiers";
import type { JudgeContext } from "./context";
import { routineKinds } from "./kinds";
import { signatureOf } from "./object";

/** Renames what is named by its identity, also where columns say it. */
export function renameIdentity(context: JudgeContext, object: IdentifiedObject, identity: string): void {
    const { model } = context;
    model.rename(object, identity);
    if (object.kind === "collation")
        for (const column of model.dependentsOf(object).filter(({ kind }) => kind === "column"))
            model.change(
                column,
                withParts(column.definition, { collation: identity.includes(".") ? identity : `public.${identity}` }),
            );
}

/** `audit.german` → german; `public.oc USING btree` → oc */
export function bareIdentity({ localName }: IdentifiedObject): string {
    const head = localName.split(" USING ", 1)[0] ?? localName;
    return head.replace(/^(?:"(?:[^"]|"")*"|[^."]+)\.(?=.)/, "").replace(/\(.*$/, "");
}

/** Writes the new name of a type or schema where the arguments of functions, casts and the like say it. */
export function replaceInIdentities(context: JudgeContext, replace: (text: string) => string): void {
    const { model } = context;
    for (const kind of routineKinds)
        for (const routine of model.all(kind)) {
            const types = splitTopLevel(signatureOf(routine).slice(1, -1));
            const now = types.map((type) => replace(type.replace(/\[\]$/, "")) + (type.endsWith("[]") ? "[]" : ""));
            const local = `${quoteIdentifier(bareName(routine.localName))}(${now.join(", ")})`;
            if (local !== routine.localName) model.rename(routine, local);
        }
    for (const cast of model.all("cast")) {
        const local = `(${cast.localName.slice(1, -1).split(" AS ").map(replace).join(" AS ")})`;
        if (local !== cast.localName) model.rename(cast, local);
    }
    for (const operator of model.all("operator")) {
        const list = /\((.*)\)$/.exec(operator.localName)?.[1] ?? "";
        const head = operator.localName.slice(0, operator.localName.length - list.length - 2);
        const local = `${replace(head)}(${splitTopLevel(list).map(replace).join(",")})`;
        if (local !== operator.localName) model.rename(operator, local);
    }
    for (const kind of [
        "collation",
        "text search configuration",
        "text search dictionary",
        "operator class",
        "operator family",
    ] as const)
        for (const object of model.all(kind)) {
            const local = replace(object.localName);
            if (local !== object.localName) model.rename(object, local);
        }
}
