import { isBrief } from "../sql/brief";
import type { PreparedStep } from "../plan/prepare";
import { type Keeping, keepingKey } from "./keep/keeping";
import { mayChangeMirror, onlyTransaction } from "./message";
import type { Batch } from "./step";

/**
 * Steps of one batch. A commit, with the files that it makes durable, is a good part of a small migration; with more than this many,
 * what PostgreSQL remembers of the transaction costs more than the commits.
 */
const largest = 16;

/** Characters of all scripts of a batch, which are sent in one message. */
const longest = 100_000;

/**
 * Which steps of a run can be committed together, in order. Only such as take moments and are sure to mean the same: see `isBrief`; and
 * none with transactions of its own, whose author wants it committed there.
 */
export function batchesOf(steps: readonly PreparedStep[], mirrored: boolean, keeping: Keeping = new Map()): Batch[] {
    // What `isPlain` looks for may come about on the way.
    const plain = !steps.some(({ script }) => notPlain.test(script.sql));
    const batches: Batch[] = [];
    let open: [PreparedStep, ...PreparedStep[]] | undefined;
    let length = 0;
    for (const step of steps) {
        const brief = plain && mayShare(step, mirrored) && !keeping.has(keepingKey(step));
        length += step.script.sql.length;
        if (brief && open !== undefined && open.length < largest && length <= longest) {
            open.push(step);
            continue;
        }
        const alone: [PreparedStep] = [step];
        open = brief ? alone : undefined;
        length = step.script.sql.length;
        batches.push(alone);
    }
    return batches;
}

const notPlain = /\bevent\s+trigger\b|\bpartition\b|\binherits?\b/i;
const ownBlock = /\bbegin\b|\bstart\s+transaction\b/i;

function mayShare(step: PreparedStep, mirrored: boolean): boolean {
    const unit = onlyTransaction(step);
    return (
        unit?.beginOptions === "" &&
        step.shape.reason === undefined &&
        step.verifyQuery === undefined &&
        !(mirrored && mayChangeMirror(step)) &&
        !ownBlock.test(step.script.sql) &&
        isBrief(unit.statements)
    );
}
