import type { Declaration } from "../declaration";
import type { RecordedGate } from "../history/ledger-gates";
import { judgeApproval } from "../policy/approval";
import type { CompatibilityVerdict } from "../policy/compatibility";
import { judgeOwnership } from "../policy/ownership";
import type { GatePart } from "../traffic/part";
import type { Decision } from "./decide";
import { planDigest } from "./digest";
import type { Before } from "./last-run";
import { judgeAssumedSet, onlyOthers } from "./other-sets";
import { type Drift, type Plan, planFormat, type PlanStep } from "./plan";
import type { PreparedStep } from "./prepare";
import type { DatabaseState } from "./read-state";
import { totalLoss } from "./total-loss";
import type { TrafficPlan } from "./traffic";
import { judgeUnfinished, unfinishedOf } from "./unfinished";

/** What a plan is put together from. */
export interface PlanParts extends Before {
    readonly state: DatabaseState;
    readonly decision: Decision;
    /** Compares versions, as the set does. */
    readonly compare: (a: string, b: string) => number;
    readonly steps: readonly PreparedStep[];
    readonly planSteps: readonly PlanStep[];
    readonly drift: readonly Drift[];
    readonly snapshot: Plan["snapshot"];
    readonly traffic: TrafficPlan | undefined;
    /** Why there can be no snapshot, where there are steps and there can be none. */
    readonly noStore: string | undefined;
}

/** How the plan is asked for. */
export interface Presentation {
    /** Project's root: relative folders and stores are relative to it. */
    readonly projectDir: string;
    /** Name of the Pulumi resource that the plan belongs to. */
    readonly resource?: string;
    /** How a person allows a plan that needs approval, where it is not by the stack's `policy.approvedPlan`. */
    readonly approveWith?: string;
    /** Whether the set's name was not given, but taken from the project's, or the usual one: then it is not to begin a second history. */
    readonly setIsAssumed?: boolean;
    /** `--stack prod` and the like, for the line that says how to carry the plan out. */
    readonly commandFlags?: string;
}

/** Puts a plan together and holds it against ownership, history and policy: what forbids it is in `refusals`. */
export function assemblePlan(declaration: Declaration, options: Presentation, parts: PlanParts): Plan {
    const { state, decision, steps, planSteps, drift, lastRun, restOf, snapshot, noStore } = parts;
    const traffic = parts.traffic?.traffic ?? null;
    const adopt =
        state.adopted.length === 0
            ? null
            : { table: state.mirror?.table ?? "", versions: state.adopted.map((row) => row.version) };
    const direction = directionOf(planSteps);
    const { from, to } = decision;
    const digest = planDigest({ direction, adopt, steps: planSteps, from, to, traffic });
    const lost = totalLoss(planSteps.flatMap((s) => s.losses));
    const approval = judgeApproval(
        {
            changes: planSteps.length > 0,
            losesData: lost.rows + lost.values > 0 || lost.unknown,
            lost: lost.rows + lost.values,
            unknownLoss: lost.unknown,
            changedDowns: planSteps.filter((s) => s.differsFromLedger).map((s) => s.version),
            digest,
            restOf,
        },
        declaration.policy,
    );
    const compatibility = compatibilityOf(declaration, parts);
    const ownership = judgeOwnership(state.ledger.owner, declaration.declarer, declaration.adopt);
    const otherSet = options.setIsAssumed === true ? judgeAssumedSet(state.ledger, declaration.set) : undefined;
    const { progress } = state.ledger;
    // Of a script that is half done the shadow cannot do the whole once more: the run goes on behind what is done.
    const isHalfDone = (s: PlanStep): boolean => s.version === progress?.version && s.direction === progress.direction;
    const failing = planSteps.filter((s) => s.wouldFail !== undefined && !isHalfDone(s));
    const refusals = [
        ...(ownership === undefined ? [] : [ownership]),
        ...(otherSet === undefined ? [] : [otherSet]),
        ...state.refusals,
        ...decision.refusals,
        ...judgeUnfinished(state.ledger.progress, steps),
        ...failing.map((s) => ({
            code: "would-fail",
            text: `${s.script.file}:${s.wouldFail?.line ?? 0} cannot succeed: ${s.wouldFail?.message ?? ""} (SQLSTATE ${s.wouldFail?.sqlstate ?? ""}).`,
            allow: "correct the script",
        })),
        ...(noStore === undefined || !declaration.snapshot.required
            ? []
            : [
                  {
                      code: "snapshot-store",
                      text: `A snapshot is required, and there can be none: ${noStore}`,
                      allow: "snapshot.store: file:DIR or s3://BUCKET, or snapshot.required: false",
                  },
              ]),
        ...(compatibility?.refusal === undefined ? [] : [compatibility.refusal]),
        ...(parts.traffic?.refusals ?? []),
        ...approval.refusals.map((r) =>
            r.code === "approval" && options.approveWith !== undefined ? { ...r, allow: options.approveWith } : r,
        ),
    ];
    const flags = options.commandFlags ?? "";
    return {
        format: planFormat,
        set: declaration.set,
        environment: declaration.declarer?.environment ?? "",
        ...(options.resource === undefined ? {} : { resource: options.resource }),
        target: declaration.version,
        from,
        to,
        direction,
        adopt,
        steps: planSteps,
        drift,
        lastRun,
        unfinished: unfinishedOf(state.ledger.progress, steps),
        lost,
        snapshot,
        traffic,
        held: heldGate(state.ledger.gate),
        verify: (declaration.verify ?? []).map((query) => query.name),
        digest,
        app:
            compatibility === undefined
                ? null
                : {
                      version: declaration.app ?? null,
                      accepts: compatibility.accepts,
                      ok: compatibility.refusal === undefined,
                  },
        approval: {
            needed: approval.needed,
            given: approval.given,
            maxRowsLost: declaration.policy.maxRowsLost ?? null,
            restOf,
        },
        refusals,
        warnings: [
            ...warningsFor(state, declaration),
            ...(noStore === undefined || declaration.snapshot.required || declaration.snapshot.store === undefined
                ? []
                : [`There will be no snapshot: ${noStore}`]),
        ],
        undo: undoText(
            from,
            lost,
            snapshot !== null,
            planSteps.every((s) => s.losses.every((l) => !l.counted || l.kept === true)),
        ),
        run: [
            ...(declaration.declarer === undefined ? [] : ["pulumi up"]),
            `schemaward migrate${flags === "" ? "" : ` ${flags}`} --to ${to ?? "0"}`,
        ],
    };
}

/** What the compatibility matrix says, where there is one; what judges it is loaded then. */
function compatibilityOf(
    { app, policy }: Declaration,
    { decision, compare }: PlanParts,
): CompatibilityVerdict | undefined {
    if (policy.compatibility === undefined) return undefined;
    const { judgeCompatibility } = require("../policy/compatibility.js") as typeof import("../policy/compatibility");
    return judgeCompatibility({ app, target: decision.to, compare }, policy.compatibility);
}

function heldGate(gate: RecordedGate | undefined): Plan["held"] {
    if (gate === undefined) return null;
    const { runId, who, host, since, heldFor } = gate;
    const { partText } = require("../traffic/parts.js") as typeof import("../traffic/parts");
    const parts = (gate.parts as readonly GatePart[]).map(partText);
    return { runId, who, host, since: since.toISOString(), parts, heldFor };
}

function directionOf(steps: readonly PlanStep[]): Plan["direction"] {
    const back = steps.some((s) => s.direction === "down");
    const forward = steps.some((s) => s.direction === "up");
    return back ? (forward ? "both" : "back") : forward ? "forward" : "none";
}

function undoText(from: string | null, lost: Plan["lost"], snapshot: boolean, areKept: boolean): string {
    const back = `version "${from ?? "0"}"`;
    if (lost.rows + lost.values === 0 && !lost.unknown) return back;
    if (areKept) return `${back}; with keepData what was kept comes back`;
    return snapshot
        ? `${back}; lost rows only from the snapshot`
        : `${back}; lost rows do not come back: no snapshot is taken`;
}

function warningsFor(state: DatabaseState, declaration: Declaration): string[] {
    const others = onlyOthers(state.ledger, declaration.set);
    if (others.length > 0)
        return [
            `This database has the sets ${others.join(", ")}, and none named ${declaration.set}: it will be added.`,
        ];
    return [];
}
