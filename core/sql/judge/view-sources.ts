import type { IdentifiedObject } from "../catalog";
import type { Model } from "./model";

/**
 * What a view names, each once and without itself: one of the database by its rules, which are no objects; one that a script makes, itself.
 * @param by its query alone, or what it does instead of changing rows as well
 */
export function sourcesOf(model: Model, view: IdentifiedObject, by: "query" | "every rule"): IdentifiedObject[] {
    const rules = model.dependencies
        .on(view.id)
        .filter((d) => d.object.startsWith("pg_rewrite/") && (by === "every rule" || d.type === "i"))
        .map((d) => `${d.object}/0`);
    const ids = [view.id, ...rules].flatMap((id) => model.dependencies.of(id).map((d) => `${d.on}/0`));
    return [...new Set(ids)].flatMap((id) => (id === view.id ? [] : (model.get(id) ?? [])));
}
