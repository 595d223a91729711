import type { Client } from "pg";
import { implicitFunctions } from "../implicit-functions";
import { wiredFunctionExists, wiredFunctions, type Named } from "../wired-functions";
import type { Reach } from "../body";
import { calling, functionEffects, type FunctionEffects, type RoutineSource } from "../function-effects";

/** What functions do, those of the database and those that the scripts make. */
export class RoutineEffects {
    private readonly made = new Map<string, RoutineSource[]>();
    private someWired: boolean | undefined;
    private implicit: readonly string[] | undefined;
    private readonly madeImplicit: string[] = [];
    private readonly known = new Map<string, FunctionEffects>();

    constructor(private readonly client: Client) {}

    /** A function that a script makes; the one that it may replace counts as well. */
    define(name: string, source: RoutineSource): void {
        this.made.set(name, [...(this.made.get(name) ?? []), source]);
        this.known.clear();
    }

    /** Functions that stand in defaults, checks and rules of what is named. */
    async wired(named: Named): Promise<string[]> {
        this.someWired ??= await this.readSomeWired();
        return this.someWired ? wiredFunctions(this.client, named) : [];
    }

    /** Most databases have none: then no statement asks. */
    private async readSomeWired(): Promise<boolean> {
        const { rows } = await this.client.query<{ some: boolean }>(`SELECT ${wiredFunctionExists("true")} AS some`);
        return rows[0]?.some !== false;
    }

    /** Functions behind operators, casts and the like, which an expression calls without their names. */
    async behindExpressions(): Promise<readonly string[]> {
        this.implicit ??= await implicitFunctions(this.client);
        return [...this.implicit, ...this.madeImplicit];
    }

    /** Functions that a script puts behind an operator, a cast and the like. @param names unqualified */
    defineImplicit(names: readonly string[]): void {
        this.madeImplicit.push(...names);
    }

    /** @param names unqualified */
    async of(names: readonly string[]): Promise<FunctionEffects> {
        return this.ofReach(calling([...new Set(names)].sort()));
    }

    async ofReach(reach: Reach): Promise<FunctionEffects> {
        const { calls, changes, named } = reach;
        if (calls.length + changes.length + named.relations.length + named.types.length === 0)
            return { reads: false, defines: false, drops: false, depends: false, compiled: [], changes: [] };
        const key = JSON.stringify([calls, changes, named]);
        const known = this.known.get(key) ?? (await functionEffects(this.client, reach, this.made));
        this.known.set(key, known);
        return known;
    }
}
