import { Query, type Client } from "pg";

/** What pg calls on a query while its answer arrives; its typings leave it out. */
const events = ["handleRowDescription", "handleDataRow", "handleCommandComplete", "handleReadyForQuery"] as const;
type Listening = Record<(typeof events)[number] | "handleError", (...parts: unknown[]) => void>;
type Recording = readonly (readonly [event: (typeof events)[number], parts: unknown[]])[];

/** Remembers what a server answered, so that the same question need not be sent again. Errors are not remembered. */
export class Memory {
    private readonly answers = new Map<string, unknown>();
    private readonly recordings = new Map<string, Recording>();

    async answer(question: string, send: () => Promise<unknown>): Promise<unknown> {
        if (!this.answers.has(question)) this.answers.set(question, await send());
        return this.answers.get(question);
    }

    /** For a query that takes its rows one by one: plays the server's messages to it, as they came the first time. */
    stream(question: string, query: Query, send: () => void): void {
        const known = this.recordings.get(question);
        const listening = query as unknown as Listening;
        if (known !== undefined) {
            setImmediate(() => {
                for (const [event, parts] of known) listening[event](...parts);
            });
            return;
        }
        const recording: [(typeof events)[number], unknown[]][] = [];
        for (const event of events) {
            const original = listening[event].bind(query);
            listening[event] = (...parts) => {
                recording.push([event, parts]);
                // The last message of an answer without an error.
                if (event === "handleReadyForQuery") this.recordings.set(question, recording);
                original(...parts);
            };
        }
        send();
    }
}

/** A client of which `decide` says, by a query's text, whether its answer is remembered, or what is sent. */
export function intercepted(
    client: Client,
    memory: Memory,
    decide: (text: string) => "remember" | { readonly send: string },
): Client {
    const query = (question: string | { readonly text: string } | Query, ...rest: unknown[]): unknown => {
        const send = (what: unknown): unknown => (client.query as (...args: unknown[]) => unknown)(what, ...rest);
        const text = typeof question === "string" ? question : (question as { readonly text: string }).text;
        const how = decide(text);
        if (question instanceof Query) {
            if (how === "remember") memory.stream(text, question, () => send(question));
            else send(question);
            return question;
        }
        if (how === "remember")
            return memory.answer(JSON.stringify([question, ...rest]), () => send(question) as Promise<unknown>);
        return send(typeof question === "string" ? how.send : question);
    };
    return new Proxy(client, {
        get: (target, key) => (key === "query" ? query : Reflect.get(target, key)) as unknown,
    });
}
