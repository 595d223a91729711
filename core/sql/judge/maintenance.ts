import type { Node } from "libpg-query";
import type { IdentifiedObject } from "../catalog";
import { nameOf, type RangeVar } from "../identifiers";
import { clusterOn } from "./alter-table";
import { sourcesOf } from "./view-sources";
import type { JudgeContext } from "./context";
import { optionsOf } from "./global";
import { lockModes } from "../locks";
import { hasIndex, tableKinds } from "./kinds";
import { as, textOf } from "../nodes";

/** LOCK TABLE: with partitions and children, and what a view reads. */
export function lockStatement(context: JudgeContext, body: Record<string, unknown>): void {
    // Numbers of LOCKMODE in PostgreSQL's lockdefs.h, from 1.
    const mode = lockModes[Number(body["mode"]) - 1] ?? "ACCESS EXCLUSIVE";
    for (const node of (body["relations"] ?? []) as Node[]) {
        const range = as<RangeVar>(node, "RangeVar");
        const relation = context.relation(range);
        if (relation === undefined) continue;
        if (relation.kind === "view") for (const each of readBy(context, relation)) context.lockTree(mode, each);
        if (range?.inh === true) context.lockTree(mode, relation);
        else context.lock(mode, relation);
    }
}

/** The relations that a view reads, through other views as well. */
function readBy(context: JudgeContext, view: IdentifiedObject): IdentifiedObject[] {
    return sourcesOf(context.model, view, "query").flatMap((read) =>
        read.kind === "view" ? [read, ...readBy(context, read)] : tableKinds.includes(read.kind) ? [read] : [],
    );
}

/** TRUNCATE: what is lost is counted elsewhere; here the locks. */
export function truncateStatement(context: JudgeContext, body: Record<string, unknown>): void {
    const { model } = context;
    const tables: IdentifiedObject[] = [];
    for (const node of (body["relations"] ?? []) as Node[]) {
        const range = as<RangeVar>(node, "RangeVar");
        const table = context.table(range);
        if (table !== undefined) tables.push(table, ...(range?.inh === true ? model.children(table) : []));
    }
    // What refers to them joins the list while it is gone through.
    for (const table of tables) {
        context.lock("ACCESS EXCLUSIVE", table);
        if (body["restart_seqs"] === true)
            for (const part of model.parts(table)) if (part.kind === "sequence") context.lock("ACCESS EXCLUSIVE", part);
        for (const key of model.referencing(table)) {
            const other = context.owner(key);
            if (other === undefined || tables.some((t) => t.id === other.id)) continue;
            if (body["behavior"] === "DROP_CASCADE")
                tables.push(other, ...model.children(other).filter((c) => !tables.some((t) => t.id === c.id)));
            else
                context.unsure(
                    `${other.name} refers to ${table.name}, and PostgreSQL refuses to truncate without CASCADE`,
                );
        }
    }
}

/** CLUSTER of one table. */
export function clusterStatement(context: JudgeContext, body: Record<string, unknown>): void {
    const { model } = context;
    if (body["relation"] === undefined) return context.unsure("CLUSTER of every table that was clustered before");
    const table = context.lookUp([...tableKinds, "materialized view"], nameOf(body["relation"] as RangeVar), false);
    if (table === undefined) return;
    for (const each of [table, ...model.partitions(table)]) {
        context.lock("ACCESS EXCLUSIVE", each);
        context.rewriteAlone(each);
    }
    if (body["indexname"] !== undefined) clusterOn(context, table, textOf(body["indexname"]));
    else if (!model.parts(table).some((p) => / CLUSTERED\b/.test(p.definition)) && !model.parts(table).some(hasIndex))
        context.unsure(`${table.name} has no index to cluster by`);
}

/** VACUUM; only FULL locks and writes anew. */
export function vacuumStatement(context: JudgeContext, body: Record<string, unknown>): void {
    const full = optionsOf(body["options"]).some((o) => o.defname === "full" && !isOff(o.arg));
    if (!full) return;
    const relations = ((body["rels"] ?? []) as Node[]).flatMap((n) => {
        const range = as<{ relation?: RangeVar }>(n, "VacuumRelation")?.relation;
        return context.lookUp([...tableKinds, "materialized view"], nameOf(range), false) ?? [];
    });
    if (body["rels"] === undefined) return context.unsure("VACUUM FULL of every table");
    for (const table of relations) {
        for (const each of [table, ...context.model.partitions(table)]) {
            context.lock("ACCESS EXCLUSIVE", each);
            context.rewriteAlone(each);
        }
    }
}

function isOff(arg: Node | undefined): boolean {
    const text = as<{ sval?: string }>(arg, "String")?.sval ?? "";
    const value = as<{ boolval?: boolean }>(arg, "Boolean");
    return /^(?:off|false|0)$/i.test(text) || (value !== undefined && value.boolval !== true);
}

/** REINDEX: SHARE on the table, ACCESS EXCLUSIVE on the indexes; CONCURRENTLY neither. */
export function reindexStatement(context: JudgeContext, body: Record<string, unknown>): void {
    const { model } = context;
    if (optionsOf(body["params"]).some((o) => o.defname === "concurrently" && !isOff(o.arg))) return;
    const range = body["relation"] as RangeVar | undefined;
    switch (body["kind"]) {
        case "REINDEX_OBJECT_INDEX": {
            const index = model.find(["index"], nameOf(range));
            const constraint = index === undefined ? model.findIndexConstraint(nameOf(range)) : undefined;
            if (index === undefined && constraint === undefined) return context.missing("index", nameOf(range), false);
            for (const each of withHeirs(context, index ?? constraint)) reindex(context, each);
            return;
        }
        case "REINDEX_OBJECT_TABLE": {
            const table = context.lookUp([...tableKinds, "materialized view"], nameOf(range), false);
            if (table === undefined) return;
            for (const each of [table, ...model.partitions(table)]) {
                context.lock("SHARE", each);
                for (const part of model.parts(each))
                    if (part.kind === "index" || hasIndex(part)) reindex(context, part);
            }
            return;
        }
        case "REINDEX_OBJECT_SCHEMA":
            for (const table of [...model.all("table"), ...model.all("partition"), ...model.all("materialized view")])
                if (model.schemaName(table) === textOf(body["name"]))
                    for (const part of model.parts(table))
                        if (part.kind === "index" || hasIndex(part)) reindex(context, part);
            return;
        default:
            context.unsure("REINDEX of the whole database");
    }
}

function withHeirs({ model }: JudgeContext, index: IdentifiedObject | undefined): IdentifiedObject[] {
    if (index === undefined) return [];
    return [
        index,
        ...model
            .dependentsOf(index)
            .filter((d) => d.inherited)
            .flatMap((d) => [d]),
    ];
}

function reindex(context: JudgeContext, index: IdentifiedObject): void {
    context.lock("SHARE", context.owner(index));
    if (index.kind === "index") context.lock("ACCESS EXCLUSIVE", index);
    else if (hasIndex(index)) context.lockConstraintIndex("ACCESS EXCLUSIVE", index);
}

/** REFRESH MATERIALIZED VIEW. */
export function refreshStatement(context: JudgeContext, body: Record<string, unknown>): void {
    const view = context.lookUp(["materialized view"], nameOf(body["relation"] as RangeVar), false);
    context.lock(body["concurrent"] === true ? "EXCLUSIVE" : "ACCESS EXCLUSIVE", view);
}
