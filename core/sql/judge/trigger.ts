import type { Node } from "libpg-query";
import type { IdentifiedObject } from "../catalog";
import { nameOf, quoteIdentifier, truncateName, unquote, type RangeVar } from "../identifiers";
import { columnRefs } from "./constraint";
import type { JudgeContext } from "./context";
import { functionsNamed } from "./routine";
import { calledFunctions, strings, textOf } from "../nodes";

const withTriggers = ["table", "partition", "view", "materialized view", "foreign table"] as const;

function findTable(context: JudgeContext, range: unknown): IdentifiedObject | undefined {
    return context.lookUp(withTriggers, nameOf(range as RangeVar), false);
}

/** CREATE TRIGGER: SHARE ROW EXCLUSIVE on the table; partitions get the same trigger. */
export function createTrigger(context: JudgeContext, body: Record<string, unknown>): void {
    const { model } = context;
    const table = findTable(context, body["relation"]);
    if (table === undefined) return;
    context.lock("SHARE ROW EXCLUSIVE", table);
    const other = body["constrrel"] === undefined ? undefined : findTable(context, body["constrrel"]);
    const name = truncateName(textOf(body["trigname"]));
    const columns = strings(body["columns"] as Node[] | undefined);
    const definition = [
        `CREATE TRIGGER ${eventsOf(Number(body["events"]))}`,
        ...(columns.length === 0 ? [] : [`OF ${columns.map(quoteIdentifier).join(", ")}`]),
        ` ON ${table.name}`,
        ...(body["row"] === true ? ["FOR EACH ROW "] : []),
        ...(body["whenClause"] === undefined
            ? []
            : [
                  `WHEN (${[...columnRefs(body["whenClause"]).map(quoteIdentifier), ...calledFunctions(body["whenClause"]).map((name) => `${name}()`)].join(", ")})`,
              ]),
        `EXECUTE FUNCTION ${strings(body["funcname"] as Node[])
            .map(quoteIdentifier)
            .join(".")}()`,
    ].join(" ");
    const existing = model.part("trigger", table, name);
    if (existing !== undefined && body["replace"] !== true)
        return context.unsure(`trigger ${existing.name} is there already`);
    const made = existing ?? model.addPart("trigger", table, name, definition);
    if (existing !== undefined) {
        model.dependencies.release(existing.id, (d) => d.type !== "n");
        model.change(existing, `${definition} (replaced)`);
    }
    if (other !== undefined) model.dependencies.add(made.id, other.id, "a");
    link(context, table, made, body, columns);
    if (body["row"] !== true) return;
    for (const child of model.directChildren(table).filter((c) => c.kind === "partition"))
        inheritTrigger(context, child, made, body, columns);
}

/** Bits of TRIGGER_TYPE_… in PostgreSQL's pg_trigger.h. */
function eventsOf(bits: number): string {
    const words = [
        [4, "INSERT"],
        [8, "DELETE"],
        [16, "UPDATE"],
        [32, "TRUNCATE"],
    ] as const;
    return words.flatMap(([bit, word]) => ((bits & bit) === 0 ? [] : [word])).join(" OR ");
}

function link(
    context: JudgeContext,
    table: IdentifiedObject,
    trigger: IdentifiedObject,
    body: Record<string, unknown>,
    columns: readonly string[],
): void {
    const { model } = context;
    for (const id of functionsNamed(context, strings(body["funcname"] as Node[])))
        model.dependencies.add(trigger.id, id, "n");
    for (const name of columns) {
        const column = model.part("column", table, name);
        if (column !== undefined) model.dependencies.add(trigger.id, column.id, "n");
    }
    context.needs(trigger, body["whenClause"], [table]);
}

function inheritTrigger(
    context: JudgeContext,
    table: IdentifiedObject,
    parent: IdentifiedObject,
    body: Record<string, unknown>,
    columns: readonly string[],
): void {
    const { model } = context;
    context.lock("SHARE ROW EXCLUSIVE", table);
    const name = unquote(parent.localName);
    const known = model.part("trigger", table, name);
    const made = known ?? model.addPart("trigger", table, name, parent.definition, true);
    model.dependencies.add(made.id, parent.id, "P");
    link(context, table, made, body, columns);
    for (const child of model.directChildren(table).filter((c) => c.kind === "partition"))
        inheritTrigger(context, child, made, body, columns);
}

/** CREATE POLICY and ALTER POLICY. */
export function createPolicy(context: JudgeContext, body: Record<string, unknown>): void {
    const { model } = context;
    const table = findTable(context, body["table"]);
    if (table === undefined) return;
    context.lock("ACCESS EXCLUSIVE", table);
    const name = truncateName(textOf(body["policy_name"]));
    if (model.part("policy", table, name) !== undefined)
        return context.unsure(`policy ${quoteIdentifier(name)} on ${table.name} is there already`);
    const policy = model.addPart("policy", table, name, "CREATE POLICY");
    context.needs(policy, [body["qual"], body["with_check"]], [table]);
}

export function alterPolicy(context: JudgeContext, body: Record<string, unknown>): void {
    const { model } = context;
    const table = findTable(context, body["table"]);
    if (table === undefined) return;
    context.lock("ACCESS EXCLUSIVE", table);
    const policy = model.part("policy", table, textOf(body["policy_name"]));
    if (policy === undefined)
        return context.unsure(`policy ${quoteIdentifier(textOf(body["policy_name"]))} on ${table.name} is not known`);
    // What the clauses that stay need is not known apart from what the others needed.
    context.needs(policy, [body["qual"], body["with_check"]], [table]);
    model.change(policy, `${policy.definition} (altered)`);
}

/** CREATE RULE. */
export function createRule(context: JudgeContext, body: Record<string, unknown>): void {
    const { model } = context;
    const table = findTable(context, body["relation"]);
    if (table === undefined) return;
    context.lock("ACCESS EXCLUSIVE", table);
    if (body["event"] === "CMD_SELECT") return context.unsure("a rule ON SELECT makes a view of a table");
    const name = truncateName(textOf(body["rulename"]));
    const existing = model.part("rule", table, name);
    if (existing !== undefined) {
        if (body["replace"] !== true) return context.unsure(`rule ${existing.name} is there already`);
        model.dependencies.release(existing.id, (d) => d.type !== "n");
        model.change(existing, `${existing.definition} (replaced)`);
    }
    const rule =
        existing ??
        model.addPart(
            "rule",
            table,
            name,
            `CREATE RULE ON ${textOf(body["event"]).replace("CMD_", "")} TO ${table.name}`,
        );
    context.needs(rule, [body["actions"], body["whereClause"]], [table]);
}

/** CREATE EVENT TRIGGER. */
export function createEventTrigger(context: JudgeContext, body: Record<string, unknown>): void {
    const { model } = context;
    const name = truncateName(textOf(body["trigname"]));
    if (model.all("event trigger").some((t) => unquote(t.localName) === name))
        return context.unsure(`event trigger ${quoteIdentifier(name)} is there already`);
    const names = strings(body["funcname"] as Node[]);
    const made = model.addGlobal(
        "event trigger",
        quoteIdentifier(name),
        `${textOf(body["eventname"])} ${names.join(".")}()`,
    );
    for (const id of functionsNamed(context, names)) model.dependencies.add(made.id, id, "n");
}

export function alterEventTrigger(context: JudgeContext, body: Record<string, unknown>): void {
    const { model } = context;
    const name = textOf(body["trigname"]);
    const trigger = model.all("event trigger").find((t) => unquote(t.localName) === name);
    if (trigger === undefined) return context.unsure(`event trigger ${quoteIdentifier(name)} is not known`);
    // The catalog's definition is: event, function, enabled, tags.
    const enabled = textOf(body["tgenabled"]);
    model.change(trigger, trigger.definition.replace(/(?<=\(\) )[ODRA](?= |$)/, enabled));
}
