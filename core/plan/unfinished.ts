import type { Progress } from "../history/ledger";
import { mayCommit, type Unit } from "../sql/script";
import { unitChecksum } from "../sql/unit-checksum";
import type { Refusal } from "./decide";
import type { Plan } from "./plan";
import type { PreparedStep } from "./prepare";

/** What a plan says of a several-transaction script that an earlier run did not finish. */
export function unfinishedOf(progress: Progress | undefined, steps: readonly PreparedStep[]): Plan["unfinished"] {
    if (progress === undefined) return null;
    const { version, direction } = progress;
    const done = progress.units.filter((u) => u.finished).length;
    return { version, direction, done, goesOn: stepFor(progress, steps) !== undefined };
}

/**
 * An unfinished script must be gone on with, or settled by a person, before anything else: half of it is in the database, and no
 * version says so.
 */
export function judgeUnfinished(progress: Progress | undefined, steps: readonly PreparedStep[]): Refusal[] {
    if (progress === undefined) return [];
    const { version, direction } = progress;
    const settle = settleByHand(version, direction);
    const step = stepFor(progress, steps);
    if (step === undefined) {
        const goOn = direction === "up" ? `a version from ${version} on` : `a version below ${version}`;
        return [
            {
                code: "unfinished",
                text: `${version} going ${direction} was begun in several transactions and is not finished: part of it is in the database, and this plan does not go on with it.`,
                allow: `${goOn}, which goes on with it; or ${settle}`,
            },
        ];
    }
    const [first] = steps;
    if (first !== step && first !== undefined) {
        return [
            {
                code: "unfinished",
                text: `${version} going ${direction} was begun in several transactions and is not finished: part of it is in the database, and this plan would run ${first.version} before it goes on with it.`,
                allow: `a plan that goes on with ${version} first (without ${first.script.file}, which may come after it); or ${settle}`,
            },
        ];
    }
    const edited = progress.units.find(({ index, checksum, finished }) => {
        const unit = step.shape.units[index];
        if (!finished && unit !== undefined && committedByItself(unit)) return false;
        return unit === undefined || unitChecksum(unit) !== checksum;
    });
    if (edited === undefined) return refuseToRepeat(progress, step, settle);
    return [
        {
            code: "unfinished-edited",
            text: `${step.script.file} was edited in a part that is ${edited.finished ? "done" : "begun"} already (transaction ${edited.index + 1}); nobody can tell what of it is in the database.`,
            allow: `put that part back as it was; or ${settle}`,
        },
    ];
}

/**
 * What commits by itself may have done all, some or nothing when its answer did not come, or it failed; to run it once more as it is would do
 * that a second time.
 */
function refuseToRepeat({ units }: Progress, { shape, script, version }: PreparedStep, settle: string): Refusal[] {
    const begun = units.find(({ index, finished, checksum }) => {
        const unit = shape.units[index];
        return !finished && unit !== undefined && committedByItself(unit) && unitChecksum(unit) === checksum;
    });
    if (begun === undefined) return [];
    const line = shape.units[begun.index]?.statements[0]?.line ?? 1;
    return [
        {
            code: "unfinished-unknown",
            text: `${script.file}:${line} commits by itself and was begun by an earlier run that did not see its end: what it did stays, and it may not be run a second time as it is.`,
            allow: `after a look at what it did: a text of it that can be run on top of that, which ${version} then goes on with; or ${settle}`,
        },
    ];
}

/** What a person can do by hand about a script of which a part is in the database. */
export function settleByHand(version: string, direction: Progress["direction"]): string {
    return direction === "up"
        ? `undo by hand what it did and run schemaward resolve --rolled-back ${version}; or finish it by hand and run schemaward resolve --applied ${version}`
        : `finish it by hand and run schemaward resolve --rolled-back ${version}; or put back what it undid and run schemaward resolve --applied ${version}`;
}

/** A DO block or procedure that failed is corrected by whoever was told to look at what it had done, and then run again. */
function committedByItself({ transactional, statements }: Unit): boolean {
    const [statement] = statements;
    return !transactional && statement !== undefined && mayCommit(statement);
}

function stepFor(progress: Progress, steps: readonly PreparedStep[]): PreparedStep | undefined {
    return steps.find((s) => s.version === progress.version && s.direction === progress.direction);
}
