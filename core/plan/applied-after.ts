/** What is applied, and what is to change it. */
interface Applying {
    readonly state: { readonly applied: readonly { readonly version: string }[] };
    readonly steps: readonly { readonly version: string; readonly direction: "up" | "down" }[];
}

/** Versions that are applied once so many of a plan's steps have taken effect. */
export function appliedAfter({ state, steps }: Applying, done: number): Set<string> {
    const applied = new Set(state.applied.map((row) => row.version));
    for (const { version, direction } of steps.slice(0, done)) {
        if (direction === "up") applied.add(version);
        else applied.delete(version);
    }
    return applied;
}
