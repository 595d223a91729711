/** A script, or several in the order of running, against a base. */
export interface LossCase {
    readonly scripts: readonly string[];
    /** Which of the two plans must say that something may be lost that cannot be counted. */
    readonly unknown?: "both" | "observed" | "judged";
    /** Why a count that the plan calls exact may be above what is really lost. */
    readonly over?: string;
    /** Names that tables have only while the scripts run, and their names before. */
    readonly aliases?: Readonly<Record<string, string>>;
}

/** Cases that share a base; none of them keeps what it does. */
export interface LossGroup {
    readonly base: string;
    readonly cases: readonly (string | LossCase)[];
}

export function titleOf({ scripts }: LossCase): string {
    return scripts.map((s) => s.replace(/\s+/g, " ")).join(" | next: ");
}
