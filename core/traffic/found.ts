import type { GatePart } from "./part";
import type { RunningApp } from "./running";

/** What traffic comes through, as it is now. */
export interface Found {
    readonly parts: readonly GatePart[];
    /** Applications behind them; undefined where nobody can say which run. */
    readonly apps: readonly RunningApp[] | undefined;
    /** What forbids to stop them. */
    readonly refusals: readonly { readonly code: string; readonly text: string; readonly allow: string }[];
}
