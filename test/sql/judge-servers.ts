import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import type { PgBinaries } from "../../tools/pg-binaries";
import { eachMajor } from "../support/postgres";
import type { JudgeCase } from "./judge-cases";
import type { Request } from "./judge-process";
import type { TwoViews } from "./judge-server";
import { richSchema } from "./rich-schema";

/** Both views of one server. */
export interface ServerViews extends TwoViews {
    readonly version: string;
}

/** One server for each major version, each in a process of its own: a machine has two cores. */
export class JudgeServers {
    private constructor(
        private readonly all: readonly { readonly binaries: PgBinaries; readonly child: ChildProcess }[],
    ) {}

    /** @throws what one of them fails with, when the others are gone */
    static async start(schema = richSchema): Promise<JudgeServers> {
        const servers = new JudgeServers(
            eachMajor().map((binaries) => ({
                binaries,
                child: fork(path.join(__dirname, "judge-process.js"), { serialization: "advanced" }),
            })),
        );
        try {
            await servers.ask(({ major }) => ({ ask: "start", major, schema }));
            return servers;
        } catch (error) {
            await servers.stop();
            throw error;
        }
    }

    get versions(): string[] {
        return this.all.map(({ binaries }) => binaries.version);
    }

    /** The case on all servers that know its statements. */
    async both(test: JudgeCase): Promise<ServerViews[]> {
        const views = await this.ask<TwoViews>(({ major }) =>
            test.since === undefined || test.since <= major ? { ask: "both", test } : undefined,
        );
        return views.map(({ version, value }) => ({ version, ...value }));
    }

    /** Versions of those whose database is another than at first. */
    async changed(): Promise<string[]> {
        const answers = await this.ask<boolean>(() => ({ ask: "isAsItWas" }));
        return answers.filter(({ value }) => !value).map(({ version }) => version);
    }

    async stop(): Promise<void> {
        await Promise.all(
            this.all.map(async ({ child }) => {
                if (child.exitCode !== null) return;
                const gone = once(child, "exit");
                if (child.connected) child.disconnect();
                await gone;
            }),
        );
    }

    /** Asks all at once and waits for all, so that none is still at work when one has failed. */
    private async ask<T>(
        request: (binaries: PgBinaries) => Request | undefined,
    ): Promise<{ readonly version: string; readonly value: T }[]> {
        const answers = await Promise.allSettled(
            this.all.flatMap(({ binaries, child }) => {
                const question = request(binaries);
                if (question === undefined) return [];
                return [answerOf<T>(child, question).then((value) => ({ version: binaries.version, value }))];
            }),
        );
        return answers.map((answer) => {
            if (answer.status === "rejected") throw answer.reason;
            return answer.value;
        });
    }
}

function answerOf<T>(child: ChildProcess, question: Request): Promise<T> {
    return new Promise((resolve, reject) => {
        const ended = (code: number | null): void => {
            reject(new Error(`the process of a server ended with ${String(code)}`));
        };
        child.once("exit", ended);
        child.once("message", (answer: { value: T } | { error: Error }) => {
            child.removeListener("exit", ended);
            if ("error" in answer) reject(answer.error);
            else resolve(answer.value);
        });
        child.send(question);
    });
}
