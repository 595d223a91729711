import type { Context } from "mocha";

/** How a skip's reason stands at the end of a test's title. */
export const skipMark = " (skipped: ";

/**
 * Skips a test, or from a before hook all of a suite, saying why: what this machine lacks. A skip without a reason is a failure
 * of the whole run.
 */
export function skip(context: Context, reason: string): never {
    const { type } = (context.test ?? {}) as { type?: string };
    const suite = type === "hook" ? context.test?.parent : undefined;
    if (suite !== undefined)
        suite.eachTest((test) => {
            test.title += `${skipMark}${reason})`;
        });
    else if (context.test !== undefined) context.test.title += `${skipMark}${reason})`;
    return context.skip();
}
