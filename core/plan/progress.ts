/** Told now and then how many of a plan's steps have been looked at. */
export type PlanProgress = (done: number, count: number) => void;

/** Milliseconds between two accounts; where all the steps after the first take less, none is needed. */
const intervalMs = 2_000;

/** @returns to be called after each step */
export function stepCounter(count: number, tell: PlanProgress | undefined): () => void {
    let done = 0;
    let last: number | undefined;
    return () => {
        done++;
        const now = Date.now();
        last ??= now;
        if (tell === undefined || now - last < intervalMs) return;
        last = now;
        tell(done, count);
    };
}
