import type { IdentifiedObject } from "../catalog";
import { bareName, nameOf, unquote, type RangeVar, splitTopLevel } from "../identifiers";
import type { JudgeContext } from "./context";
import { chooseConstraintName, chooseRelationName } from "./names";
import { hasIndex } from "./kinds";

export function partitionBound(bound: { readonly is_default?: boolean } | undefined): string {
    return bound?.is_default === true ? "DEFAULT" : "FOR VALUES …";
}

/**
 * Locks that CREATE TABLE … PARTITION OF (no partition yet) and ATTACH PARTITION take. Source: DefineRelation and
 * ATExecAttachPartition in tablecmds.c.
 */
export function lockForPartition(
    context: JudgeContext,
    parent: IdentifiedObject,
    partition: IdentifiedObject | undefined,
): void {
    const { model } = context;
    context.lock(partition === undefined ? "ACCESS EXCLUSIVE" : "SHARE UPDATE EXCLUSIVE", parent);
    context.lockTree("ACCESS EXCLUSIVE", partition);
    // The default partition must be shown to hold no row of the new one.
    for (const other of model.directChildren(parent))
        if (isDefault(other) && other.id !== partition?.id) context.lockTree("ACCESS EXCLUSIVE", other);
    for (const part of model.parts(parent))
        if (part.kind === "constraint") context.lock("SHARE ROW EXCLUSIVE", model.otherEnd(part));
    for (const key of model.referencing(parent)) context.lock("SHARE ROW EXCLUSIVE", context.owner(key));
}

function isDefault({ definition }: IdentifiedObject): boolean {
    return /^PARTITION OF .+? DEFAULT(?: PARTITION BY| WITH |$)/s.test(definition);
}

/** A new partition gets what its parent has of indexes and keys. */
export function takeOverIndexes(context: JudgeContext, parent: IdentifiedObject, partition: IdentifiedObject): void {
    const { model } = context;
    for (const part of model.parts(parent)) {
        const columns = /\(([^()]*)\)/.exec(part.definition)?.[1] ?? "";
        const joined = columns
            .split(",")
            .map((c) => unquote(c.trim().split(" ", 1)[0] ?? ""))
            .join("_");
        let made: IdentifiedObject | undefined;
        if (part.kind === "constraint" && hasIndex(part)) {
            const label = part.definition.startsWith("PRIMARY")
                ? "pkey"
                : part.definition.startsWith("UNIQUE")
                  ? "key"
                  : "excl";
            const name = chooseRelationName(model, partition, label === "pkey" ? "" : joined, label);
            made = model.addPart("constraint", partition, name, part.definition, true);
        } else if (part.kind === "index") {
            const name = chooseRelationName(model, partition, joined, "idx");
            const schema = model.schemaName(partition) ?? "public";
            made = model.addOwned("index", partition, { schema, name }, part.definition);
            model.replace({ ...made, inherited: true });
            model.dependencies.add(made.id, partition.id, "a");
        }
        if (made !== undefined) {
            model.dependencies.add(made.id, part.id, "P");
            linkSameColumns(context, part, made, partition);
        }
    }
}

function linkSameColumns(
    { model }: JudgeContext,
    from: IdentifiedObject,
    to: IdentifiedObject,
    table: IdentifiedObject,
): void {
    for (const d of model.dependencies.of(from.id)) {
        const column = model.get(`${d.on}/${d.onSubid}`);
        const same = column?.kind === "column" ? model.part("column", table, unquote(column.localName)) : undefined;
        if (same !== undefined) model.dependencies.add(to.id, same.id, d.type);
    }
}

interface PartitionCmd {
    readonly name?: RangeVar;
    readonly bound?: { readonly is_default?: boolean };
    readonly concurrent?: boolean;
}

/** ATTACH PARTITION of a table. */
export function attachPartition(context: JudgeContext, parent: IdentifiedObject, command: PartitionCmd): void {
    const { model } = context;
    const partition = context.table(command.name);
    if (partition === undefined) return;
    lockForPartition(context, parent, partition);
    model.replace({
        ...partition,
        kind: "partition",
        of: parent.name,
        ofId: parent.id,
        definition: `PARTITION OF ${parent.name} ${partitionBound(command.bound)} ${ownDefinition(partition)}`.trim(),
    });
    model.dependencies.add(partition.id, parent.id, "a");
    takeOver(context, parent, partition);
    referToPartition(context, parent, partition);
}

/** Foreign keys to the whole are kept for each partition. */
export function referToPartition(context: JudgeContext, parent: IdentifiedObject, partition: IdentifiedObject): void {
    const { model } = context;
    for (const key of model.referencing(parent)) {
        const owner = context.owner(key);
        if (owner === undefined) continue;
        const columns = splitTopLevel(/^FOREIGN KEY \((.*?)\)/.exec(key.definition)?.[1] ?? "").map(unquote);
        const name = chooseConstraintName(model, owner, columns.join("_"), "fkey");
        const made = model.addPart("constraint", owner, name, key.definition, true);
        model.dependencies.add(made.id, key.id, "P");
        model.dependencies.add(made.id, partition.id, "n");
    }
}

/** What the partition has like its parent now only mirrors it; what it lacks it gets. */
function takeOver(context: JudgeContext, parent: IdentifiedObject, partition: IdentifiedObject): void {
    const { model } = context;
    for (const part of model.parts(parent)) {
        if (part.kind === "column" || part.kind === "trigger") {
            const same = model.part(part.kind, partition, unquote(part.localName));
            if (same !== undefined) model.replace({ ...same, inherited: true });
            else if (part.kind === "trigger" && part.definition.includes(" FOR EACH ROW ")) {
                const made = model.addPart("trigger", partition, unquote(part.localName), part.definition, true);
                model.dependencies.add(made.id, part.id, "P");
            }
        }
        if (part.kind === "constraint" || part.kind === "index") {
            const alike = model.parts(partition).find((p) => p.kind === part.kind && !p.inherited && isAlike(part, p));
            const mirrored =
                alike !== undefined
                    ? model.replace({ ...alike, inherited: true })
                    : model.replace({
                          ...(part.kind === "constraint"
                              ? model.addPart("constraint", partition, unquote(part.localName), part.definition, true)
                              : model.addOwned(
                                    "index",
                                    partition,
                                    {
                                        schema: model.schemaName(partition) ?? "public",
                                        name: chooseRelationName(model, partition, unquote(part.localName), "idx"),
                                    },
                                    part.definition,
                                )),
                          inherited: true,
                      });
            model.dependencies.add(mirrored.id, part.id, "P");
            linkSameColumns(context, part, mirrored, partition);
        }
    }
}

/** Whether two definitions say the same but for names of tables and of their own. */
function isAlike(a: IdentifiedObject, b: IdentifiedObject): boolean {
    if (a.kind === "constraint" && /^CHECK\b/.test(a.definition)) return a.localName === b.localName;
    const bare = (definition: string): string =>
        definition.replace(/INDEX \S+ ON (?:ONLY )?\S+/, "INDEX").replace(/ NOT VALID$/, "");
    return bare(a.definition) === bare(b.definition);
}

/** What of a table's definition stays when it joins or leaves another. */
function ownDefinition({ definition }: IdentifiedObject): string {
    const rest =
        /^PARTITION OF .+?(?: DEFAULT| FOR VALUES (?:…|(?:FROM|IN|WITH) \(.*?\)(?: TO \(.*?\))?))(?= PARTITION BY| OF | USING | WITH | TABLESPACE | ROW | FORCED| REPLICA | SERVER |$)(.*)$/s.exec(
            definition,
        )?.[1];
    return (rest ?? definition).trim();
}

/** Columns that a table is partitioned by. */
export function partitionKey({ definition }: IdentifiedObject): string[] {
    const list =
        /PARTITION BY \w+ \((.*?)\)(?= OF | USING | WITH | TABLESPACE | ROW | FORCED| REPLICA | SERVER |$)/s.exec(
            definition,
        )?.[1];
    return list === undefined ? [] : splitTopLevel(list).map((item) => bareName(item.split(" ", 1)[0] ?? ""));
}

/** DETACH PARTITION of a table: it lives on by itself. */
export function detachPartition(context: JudgeContext, parent: IdentifiedObject, command: PartitionCmd): void {
    const { model } = context;
    const partition = context.table(command.name);
    if (partition === undefined) return;
    context.lockTree("ACCESS EXCLUSIVE", partition);
    for (const other of model.directChildren(parent)) if (isDefault(other)) context.lockTree("ACCESS EXCLUSIVE", other);
    if (command.concurrent === true) addBoundCheck(context, parent, partition);
    else
        for (const part of model.parts(parent))
            if (part.kind === "constraint") context.lock("SHARE ROW EXCLUSIVE", model.otherEnd(part));
    for (const key of model.referencing(parent)) context.lock("ACCESS EXCLUSIVE", context.owner(key));
    // Keys to the whole were kept for each partition.
    for (const key of model.referencing(partition)) if (key.inherited) model.remove(key);
    const { of: _of, ofId: _ofId, ...free } = partition;
    model.dependencies.release(partition.id, (d) => `${d.on}/0` !== parent.id);
    model.replace({
        ...free,
        kind: partition.definition.includes(" SERVER ") ? "foreign table" : "table",
        definition: ownDefinition(partition),
    });
    for (const part of model.parts(partition)) {
        if (part.kind === "trigger" && part.inherited) model.remove(part);
        else if (part.inherited) {
            model.dependencies.release(part.id, (d) => d.type !== "P" && d.type !== "S");
            model.replace({ ...part, inherited: false });
        }
    }
}

/** CONCURRENTLY leaves a CHECK that says what the partition's bounds said. */
function addBoundCheck(context: JudgeContext, parent: IdentifiedObject, partition: IdentifiedObject): void {
    const { model } = context;
    const columns = partitionKey(parent);
    const name = chooseConstraintName(model, partition, columns.length === 1 ? (columns[0] ?? "") : "", "check");
    model.addPart("constraint", partition, name, `CHECK (${columns.join(", ")})`);
}

/** ATTACH PARTITION of an index, or of one that is a constraint's. */
export function attachIndex(context: JudgeContext, parent: IdentifiedObject, command: PartitionCmd): void {
    const { model } = context;
    const name = nameOf(command.name);
    const child = model.find(["index"], name) ?? model.findIndexConstraint(name);
    if (child === undefined) return context.missing("index", name, false);
    if (child.kind === "index") context.lock("ACCESS EXCLUSIVE", child);
    else context.lockConstraintIndex("ACCESS EXCLUSIVE", child);
    model.replace({ ...child, inherited: true });
    model.dependencies.add(child.id, parent.id, "P");
}
