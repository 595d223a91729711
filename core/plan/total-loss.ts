import type { Loss } from "./plan";

/** Sums for the plan's total: rows, values, bytes, and whether anything cannot be counted. */
export function totalLoss(losses: readonly Loss[]): { rows: number; values: number; bytes: number; unknown: boolean } {
    const counted = losses.filter((l) => l.counted);
    const isValue = (l: Loss): boolean =>
        l.kind === "column dropped" || l.kind === "rows updated" || l.kind === "type changed";
    return {
        rows: sum(counted.filter((l) => !isValue(l)).map((l) => l.rows ?? 0)),
        values: sum(counted.filter(isValue).map((l) => l.rows ?? 0)),
        bytes: sum(counted.map((l) => l.bytes ?? 0)),
        // An estimate may be too low, 0 as well: no bound holds against it.
        unknown: counted.some((l) => l.rows === null || l.estimated === true),
    };
}

function sum(numbers: readonly number[]): number {
    return numbers.reduce((a, b) => a + b, 0);
}
