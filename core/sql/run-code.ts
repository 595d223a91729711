import type { Node } from "libpg-query";
import type { Client } from "pg";
import { readBody, type BodyEffects, type Reach } from "./body";
import { doBody } from "./do-block";
import { hiddenInEventTriggers, isSeenByEventTriggers } from "./event-triggers";
import { calling, functionEffects } from "./function-effects";
import { changesImplicit, hasExpressions, implicitFunctions } from "./implicit-functions";
import { as, callableNames, nodeType, strings, walk } from "./nodes";
import { oddRowChange, rowChangesOf } from "./row-changes";
import { type RowEffects, triggerEffects } from "./row-effects";
import type { Statement } from "./statement";
import { namedIn, wiredFunctions } from "./wired-functions";

export const dml: readonly string[] = ["InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"];

/** They work out expressions (those of tables: defaults, USING, CHECK, for each row) or run code now. */
const executes = new Set([
    ...dml,
    "AlterTableStmt",
    "AlterDomainStmt",
    "SelectStmt",
    "CallStmt",
    "CreateTableAsStmt",
    "RefreshMatViewStmt",
    "IndexStmt",
    "ReindexStmt",
    "ClusterStmt",
    "VacuumStmt",
    "DeclareCursorStmt",
    "CopyStmt",
    "DoStmt",
    "CreateEventTrigStmt",
]);

/** What the code that a statement runs does. */
interface CodeEffects {
    /** Why the statement must not run on a shadow. */
    readonly outside?: string;
    /** Sentences about what a look at the catalog afterwards does not show. */
    readonly hidden: readonly string[];
    /** Whether it reads tables of the user. */
    readonly reads: boolean;
    /** Whether it makes, changes or drops objects. */
    readonly defines: boolean;
}

/** The code that statements set off in a database, told by its text: on a shadow there are no rows to see it by. */
export class RunCode {
    /** What event triggers do to rows; undefined: to be read anew. */
    private inEventTriggers: { readonly hidden: string | undefined } | undefined;
    /** Functions that expressions call without their names; undefined: to be read anew. */
    private implicit: readonly string[] | undefined;

    constructor(private readonly client: Client) {}

    /** To be called where others may have changed the database. */
    forget(): void {
        this.inEventTriggers = undefined;
        this.implicit = undefined;
    }

    /**
     * DO blocks, and the functions that a statement calls.
     * @param reachesOut whether there are foreign servers
     * @param isRun whether the shadow runs the statement, so that the catalog shows what its code makes and drops
     */
    async run(
        { node, sql }: Pick<Statement, "node" | "sql">,
        reachesOut: boolean,
        isRun: boolean,
    ): Promise<CodeEffects> {
        const type = nodeType(node);
        if (changesImplicit(type)) this.implicit = undefined;
        if (!executes.has(type)) return { hidden: [], reads: false, defines: false };
        const effects: Pick<BodyEffects, "hidden" | "outside" | "reads" | "defines" | "drops" | "depends">[] = [];
        let reach: Reach = calling(callableNames(node));
        if (type === "DoStmt") {
            const { body, language } = doBody(node);
            const own = readBody(sql, body, language);
            effects.push(own);
            reach = own;
        }
        const calls = [...reach.calls];
        if (hasExpressions(node)) calls.push(...(this.implicit ??= await implicitFunctions(this.client)));
        const trigger = as<{ funcname?: Node[] }>(node, "CreateEventTrigStmt");
        if (trigger?.funcname !== undefined) calls.push(strings(trigger.funcname).at(-1) ?? "");
        if (type !== "DoStmt") calls.push(...(await wiredFunctions(this.client, namedIn(node))));
        effects.push(await functionEffects(this.client, { ...reach, calls }));
        const reads = effects.some((e) => e.reads);
        const defines = effects.some((e) => e.defines);
        const outside =
            effects.find((e) => e.outside !== undefined)?.outside ??
            (reachesOut ? outThere(type, reads || effects.some((e) => e.hidden !== undefined)) : undefined);
        if (outside !== undefined) return { outside, hidden: [], reads, defines };
        const words = new Set(effects.flatMap((e) => e.hidden ?? []));
        if (effects.some((e) => e.drops)) {
            if (!isRun) words.add("changes of the schema");
            else if (effects.some((e) => e.depends) || isForEachRow(node)) words.add("drops depending on rows");
        }
        walk([node], (each) => {
            if (each === "ExecuteStmt") words.add("EXECUTE of a prepared statement");
        });
        return { hidden: words.size === 0 ? [] : [`${describe(type)} with ${[...words].join(", ")}`], reads, defines };
    }

    /** What triggers and rules do when a statement changes rows. */
    async onRows({ node }: Pick<Statement, "node">): Promise<RowEffects> {
        const odd = oddRowChange(node);
        const { losing, defines } = await triggerEffects(this.client, rowChangesOf(node));
        return { losing: [...(odd === undefined ? [] : [odd]), ...losing], defines };
    }

    /** What event triggers do. @param defines whether code of the statement makes, changes or drops objects */
    async onDefinitions({ node }: Pick<Statement, "node">, defines: boolean): Promise<string[]> {
        const type = nodeType(node);
        let hidden: string | undefined;
        if (defines || isSeenByEventTriggers(node)) {
            this.inEventTriggers ??= { hidden: await hiddenInEventTriggers(this.client) };
            ({ hidden } = this.inEventTriggers);
        }
        if (/^(?:Create|Alter)(?:EventTrig|Function)Stmt$|^(?:Drop|Do|Call)Stmt$/.test(type))
            this.inEventTriggers = undefined;
        return hidden === undefined ? [] : [`event trigger with ${hidden}`];
    }
}

/** Whether a statement calls what it calls once for each row of tables that a shadow has empty. */
function isForEachRow(node: Node): boolean {
    if (nodeType(node) === "AlterTableStmt" || nodeType(node) === "AlterDomainStmt") return true;
    if (nodeType(node) === "DoStmt" || nodeType(node) === "CallStmt") return false;
    let reads = false;
    walk([node], (type) => {
        reads ||= type === "RangeVar";
    });
    return reads;
}

/** @param active whether the code reads tables or changes rows */
function outThere(type: string, active: boolean): string | undefined {
    if (type === "CreateTableAsStmt") return "a query that could reach a foreign server";
    return active || type === "DoStmt" || type === "CallStmt" ? "code that could reach a foreign server" : undefined;
}

function describe(type: string): string {
    return type === "DoStmt" ? "DO block" : type === "CallStmt" ? "procedure" : "function";
}
