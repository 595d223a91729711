/** A step, and which of how many it is, from 1. */
export interface StepPlace {
    readonly index: number;
    readonly count: number;
    readonly direction: "up" | "down";
    readonly version: string;
    readonly name: string;
}

/** What a run reports while it goes on. Texts hold no secrets. */
export type RunEvent =
    | { readonly type: "planning"; readonly done: number; readonly count: number }
    | { readonly type: "plan"; readonly lines: readonly string[] }
    | { readonly type: "waiting-for-lock"; readonly holder: string }
    | { readonly type: "adopted"; readonly versions: readonly string[]; readonly table: string }
    | { readonly type: "snapshot-progress"; readonly name: string; readonly bytes: number; readonly estimate: number }
    | { readonly type: "snapshot-done"; readonly name: string; readonly bytes: number; readonly seconds: number }
    | { readonly type: "snapshot-skipped"; readonly why: string }
    | {
          readonly type: "retention";
          readonly deleted: readonly string[];
          readonly swept: readonly string[];
          readonly kept: number;
          readonly freedBytes: number;
      }
    | { readonly type: "retention-failed"; readonly why: string }
    | ({ readonly type: "step-start" } & StepPlace)
    | ({ readonly type: "step-done"; readonly ms: number } & StepPlace)
    | { readonly type: "notice"; readonly version: string; readonly text: string }
    | { readonly type: "retry"; readonly version: string; readonly why: string; readonly inMs: number }
    | { readonly type: "blocked"; readonly version: string; readonly by: string }
    | { readonly type: "verified"; readonly version: string }
    | { readonly type: "gate-stopping"; readonly parts: readonly string[] }
    | { readonly type: "gate-waiting"; readonly why: string }
    | { readonly type: "gate-note"; readonly text: string }
    | { readonly type: "gate-stopped"; readonly seconds: number }
    | { readonly type: "gate-resumed"; readonly parts: readonly string[]; readonly seconds: number }
    | { readonly type: "gate-held"; readonly parts: readonly string[]; readonly waits: readonly string[] }
    | { readonly type: "smoke"; readonly names: readonly string[] }
    | { readonly type: "databases-dropped"; readonly names: readonly string[] }
    | { readonly type: "restore-step"; readonly text: string }
    | { readonly type: "restoring"; readonly bytes: number; readonly estimate: number }
    | { readonly type: "incident"; readonly file: string }
    | { readonly type: "incident-failed"; readonly why: string };

/** States on the way that the next one takes the place of: to be overwritten on a terminal, and little use in a log. */
export type PassingEvent = RunEvent & { readonly type: (typeof passing)[number] };

const passing = ["planning", "snapshot-progress", "step-start", "restoring"] as const;

export function isPassing(event: RunEvent): event is PassingEvent {
    return (passing as readonly string[]).includes(event.type);
}

export type Report = (event: RunEvent) => void;
