import type { Client } from "pg";
import { wiredFunctionExists, wiredFunctions, type Named } from "../wired-functions";
import { functionEffects, type FunctionEffects, type RoutineSource } from "../function-effects";

/** What functions do, those of the database and those that the scripts make. */
export class RoutineEffects {
    private readonly made = new Map<string, RoutineSource[]>();
    private someWired: boolean | undefined;
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

    /** @param names unqualified */
    async of(names: readonly string[]): Promise<FunctionEffects> {
        const wanted = [...new Set(names)].sort();
        if (wanted.length === 0) return { reads: false, defines: false, compiled: [] };
        const key = JSON.stringify(wanted);
        const known = this.known.get(key) ?? (await functionEffects(this.client, wanted, this.made));
        this.known.set(key, known);
        return known;
    }
}
