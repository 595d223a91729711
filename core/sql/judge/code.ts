import { firstLine } from "../../lines";
import { readBody } from "../body";
import { doBody, innerStatements } from "../do-block";
import type { FunctionEffects } from "../function-effects";
import { nameOf } from "../identifiers";
import type { IdentifiedObject } from "../catalog";
import type { JudgeContext } from "./context";
import type { Model } from "./model";
import { hasExpressions, putsBehindExpressions } from "../implicit-functions";
import { losslessKind, noBystanders } from "../lossless";
import { relationKinds } from "./kinds";
import { allStrings, callableNames, nodeType } from "../nodes";
import { parseName } from "./references";
import { sourcesOf } from "./view-sources";
import { oddRowChange, rowChangesOf, type RowChange } from "../row-changes";
import type { Statement } from "../statement";
import { namedIn } from "../wired-functions";

/** Statements that only define what runs later: the functions in them are not called now. */
const defining =
    /^(?:CreateFunction|View|Rule|CreateTrig|CreatePolicy|AlterPolicy|CreateDomain|CreateEventTrig|Define|CreateOpClass|CreateCast|Comment|Grant|AlterFunction|Prepare)Stmt$/;

/** Statements that work out defaults, checks and views. */
const runsExpressions =
    /^(?:Insert|Update|Delete|Merge|Select|CreateTableAs|RefreshMatView|AlterTable|AlterDomain|Index|Reindex|Cluster|Vacuum|DeclareCursor|Copy|Call)Stmt$/;

/** Looks into the functions that a statement calls, and into the triggers and rules of the tables whose rows it changes. */
export async function judgeCalls(context: JudgeContext, statement: Statement): Promise<void> {
    const { node } = statement;
    if (putsBehindExpressions.test(nodeType(node))) context.routines.defineImplicit(allStrings(node));
    if (defining.test(nodeType(node))) return;
    await judgeFunctions(context, statement);
    const odd = oddRowChange(node);
    if (odd !== undefined) context.unsure(odd, true);
    await judgeRowTriggers(context, rowChangesOf(node), new Set());
}

/** Looks into the functions that a statement calls. */
export async function judgeFunctions(context: JudgeContext, { node }: Statement): Promise<void> {
    const type = nodeType(node);
    const calls = callableNames(node);
    if (runsExpressions.test(type))
        calls.push(
            ...(await context.routines.wired(namedIn(node))),
            ...(hasExpressions(node) ? await context.routines.behindExpressions() : []),
        );
    await report(context, await context.routines.of(calls), type === "CallStmt" ? "procedure" : "function");
}

/** @param seen triggers that were looked into already */
async function report(
    context: JudgeContext,
    effects: FunctionEffects,
    what: string,
    seen = new Set<string>(),
): Promise<void> {
    if (effects.outside !== undefined) context.unsure(`${effects.outside} acts outside this database`);
    await judgeRowTriggers(context, effects.changes, seen);
    const words = [
        ...(effects.hidden === undefined ? [] : [effects.hidden]),
        ...(effects.defines ? ["changes of the schema"] : []),
        ...effects.compiled.map((name) => `compiled code in ${name}`),
    ];
    if (words.length > 0) context.unsure(`${what} with ${words.join(", ")}`, true);
}

/** Triggers and rules on a table can do more than the statement says; here also those that the plan makes. */
async function judgeRowTriggers(
    context: JudgeContext,
    changes: readonly RowChange[],
    seen: Set<string>,
): Promise<void> {
    const { model } = context;
    for (const { range, events } of changes) {
        const table = model.find(relationKinds, nameOf(range));
        // A row that is moved to another partition is deleted and inserted.
        const moves = events.includes("UPDATE") && table?.definition.includes("PARTITION BY") === true;
        const event = [...events, ...(moves ? ["DELETE", "INSERT"] : [])].join("|");
        for (const { each, event: happens } of table === undefined ? [] : withFollowers(model, table, event))
            for (const part of model.parts(each)) {
                const onEvent = new RegExp(` ON (?:${happens}) TO `).test(part.definition);
                if (part.kind === "rule" && onEvent && !/ DO (?:INSTEAD |ALSO )?NOTHING;?$/.test(part.definition))
                    context.unsure(`rule ${part.name} may do something else`, true);
                const applies = new RegExp(`\\b(?:${happens})\\b`).test(part.definition.split(" ON ", 1)[0] ?? "");
                if (part.kind !== "trigger" || !applies || part.definition.endsWith(" DISABLED")) continue;
                if (seen.has(part.id)) continue;
                seen.add(part.id);
                const name = /EXECUTE (?:FUNCTION|PROCEDURE) (.*?)\(/.exec(part.definition)?.[1] ?? "";
                const inCondition = [...part.definition.matchAll(/(\w+)\(/g)].map(([, called]) => called ?? "");
                const trigger = await context.routines.of([parseName(name).name, ...inCondition]);
                await report(context, trigger, `trigger ${part.name}`, seen);
            }
    }
}

/** A table, its children, and where keys to them lead, each with what happens to its rows. */
function withFollowers(
    model: Model,
    table: IdentifiedObject,
    event: string,
): { each: IdentifiedObject; event: string }[] {
    const found: { each: IdentifiedObject; event: string }[] = [];
    const queue = [{ each: table, event }];
    for (let item = queue.pop(); item !== undefined; item = queue.pop()) {
        const { each, event: happens } = item;
        if (found.some((f) => f.each.id === each.id && f.event === happens)) continue;
        found.push(item);
        for (const child of model.children(each)) queue.push({ each: child, event: happens });
        for (const source of each.kind === "view" ? sourcesOf(model, each, "every rule") : [])
            if (relationKinds.includes(source.kind)) queue.push({ each: source, event: happens });
        const wanted = happens.includes("TRUNCATE")
            ? /^FOREIGN KEY/
            : new RegExp(`^FOREIGN KEY.* ON (?:${happens}) (?:CASCADE|SET)`);
        for (const { object } of model.dependencies.on(each.id)) {
            const key = model.get(`${object}/0`);
            if (key?.kind !== "constraint" || key.ofId === undefined || !wanted.test(key.definition)) continue;
            const from = model.get(key.ofId);
            if (from !== undefined && from.id !== each.id)
                queue.push({ each: from, event: happens.includes("TRUNCATE") ? "TRUNCATE" : "DELETE|UPDATE" });
        }
    }
    return found;
}

/** Event triggers run code when the schema changes. */
export async function judgeEventTriggers(context: JudgeContext): Promise<void> {
    const names = context.model
        .all("event trigger")
        .flatMap((t) => /(\S+)\(\)(?: ([ODRA]))?/.exec(t.definition) ?? [])
        .flatMap((match, i, all) => (i % 3 === 1 && all[i + 1] !== "D" ? [parseName(match).name] : []));
    const effects = await context.routines.of(names);
    if (effects.hidden !== undefined || effects.defines)
        context.unsure(`event trigger with ${effects.hidden ?? "changes of the schema"}`, true);
}

/**
 * A DO block. What it does to the schema in statements of its own is judged as if it stood outside; where that may or may not happen,
 * only what can lose nothing counts as seen.
 */
export async function judgeDo(
    context: JudgeContext,
    statement: Statement,
    judgeInner: (inner: Statement, perhaps: boolean) => Promise<void>,
): Promise<void> {
    const { body, language } = doBody(statement.node);
    const own = readBody(statement.sql, body, language);
    if (own.outside !== undefined) context.unsure(`${own.outside} acts outside this database`);
    if (own.hidden !== undefined) context.unsure(`DO block with ${own.hidden}`, true);
    const calls = [...own.calls, ...(await context.routines.behindExpressions())];
    await report(context, await context.routines.ofReach({ ...own, calls }), "DO block");
    const inner = language === "plpgsql" ? innerStatements(statement.sql) : undefined;
    if (inner === undefined) {
        if (own.defines) context.unsure("DO block with changes of the schema");
        return;
    }
    if (inner.unseen) context.unsure("DO block with EXECUTE");
    for (const { node, sql, always } of inner.statements) {
        const judged: Statement = { ...statement, node, sql };
        if (!always && !losslessKind(judged, noBystanders))
            context.unsure(`DO block that does this only sometimes: ${firstWords(sql)}`);
        await judgeInner(judged, !always);
    }
}

function firstWords(sql: string): string {
    const line = firstLine(sql.trim());
    return line.length > 60 ? `${line.slice(0, 57)}…` : line;
}
