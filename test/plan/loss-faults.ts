/** What is wrong with one plan or the other. */
export interface KnownFaults {
    readonly observed?: string;
    readonly judged?: string;
}

/** Faults of the plan that are not mended yet, by the case that shows them; a case whose fault is mended fails until it is taken out here. */
export const knownFaults: Readonly<Record<string, KnownFaults>> = {};
