import type { ObjectChange, PlanStep } from "./plan";

/** Additions that can refuse what an application writes, where they are made on what was there before. */
const refusing = new Set(["constraint", "trigger", "rule", "policy", "event trigger"]);
/** Changes that no application sees. */
const unseen = new Set(["comment", "statistics", "publication", "default privileges", "index"]);

/** What has its table's name before its own. */
const ofTables = new Set(["column", "constraint", "trigger", "rule", "policy"]);

/**
 * What of a plan's steps an application that goes on working would run into, for people. In doubt it is a hazard.
 * @returns empty where there is none
 */
export function hazardsOf(steps: readonly PlanStep[]): readonly string[] {
    const made = new Set<string>();
    const isMade = (object: ObjectChange): boolean => {
        const table = object.name.slice(0, Math.max(0, object.name.lastIndexOf(".")));
        return made.has(name(object)) || (ofTables.has(object.kind) && made.has(`table ${table}`));
    };
    return steps.flatMap((step) => {
        for (const object of step.added) if (object.kind === "table") made.add(name(object));
        const own = [
            ...(step.direction === "down" ? ["it goes back"] : []),
            ...(step.method === "skipped" ? ["its effects are not known"] : []),
            ...step.losses.filter((l) => l.rows !== 0 || !l.exact).map((l) => `${l.kind}: ${l.object}`),
            ...step.dropped
                // ON CONFLICT needs a unique index.
                .filter((o) => !isMade(o) && (!unseen.has(o.kind) || o.strict === true))
                .map((o) => `drops ${name(o)}`),
            ...step.changed.filter((o) => !isMade(o) && !unseen.has(o.kind)).map((o) => `changes ${name(o)}`),
            ...step.added
                .filter((o) => (refusing.has(o.kind) || o.strict === true) && !isMade(o))
                .map((o) => `adds ${name(o)}`),
            ...step.rewrites.filter((table) => !made.has(`table ${table}`)).map((table) => `rewrites ${table}`),
            ...step.opaque.map((o) => `${step.script.file}:${o.line} cannot be looked into`),
        ];
        for (const object of step.added) made.add(name(object));
        const [first] = own;
        if (first === undefined) return [];
        return [`${step.version}: ${first}${own.length > 1 ? ` and ${own.length - 1} more` : ""}`];
    });
}

function name({ kind, name: object }: ObjectChange): string {
    return `${kind} ${object}`;
}
