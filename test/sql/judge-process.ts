import { loadParser } from "../../core/sql/parser";
import { eachMajor } from "../support/postgres";
import type { JudgeCase } from "./judge-cases";
import { JudgeServer } from "./judge-server";

/** What such a process is asked, one thing at a time. */
export type Request =
    | { readonly ask: "start"; readonly major: number; readonly schema: string }
    | { readonly ask: "both"; readonly test: JudgeCase }
    | { readonly ask: "isAsItWas" };

/** A process with a JudgeServer of its own; judging takes as much of a core as the server does. Ends when it is let go. */
function main(): void {
    let server: JudgeServer | undefined;
    const answer = async (request: Request): Promise<unknown> => {
        if (request.ask === "start") {
            const binaries = eachMajor().find(({ major }) => major === request.major);
            if (binaries === undefined) throw new Error(`no PostgreSQL ${request.major}`);
            await loadParser();
            server = await JudgeServer.start(binaries, request.schema);
            return undefined;
        }
        if (server === undefined) throw new Error("not started");
        return request.ask === "both" ? server.both(request.test) : server.isAsItWas();
    };
    process.on("message", (request: Request) => {
        void answer(request)
            .then(
                (value) => ({ value }),
                (error: unknown) => ({ error }),
            )
            .then((message) => {
                // Where the parent has gone in the middle of a case, nobody waits for its answer.
                if (process.connected) process.send?.(message);
            });
    });
    // Whatever happens to the parent, the server goes.
    process.on("disconnect", () => {
        void server?.stop().finally(() => process.exit());
    });
}

if (process.send !== undefined) main();
