import { Observed } from "./observing";
import type { TestServer } from "../support/postgres";

/**
 * A process of its own that opens a shadow, tells its name, and waits to be ended. Arguments: URL, schema, and what the shadow is at
 * by then, if anything.
 */
async function main([url = "", schema = "", work]: readonly string[]): Promise<void> {
    await new Observed({ url: () => url } as unknown as TestServer, "", schema).withShadow(async (shadow) => {
        if (work !== undefined && "client" in shadow) shadow.client.query(work).catch(() => undefined);
        process.send?.("name" in shadow ? shadow.name : shadow.reason);
        await new Promise((resolve) => setTimeout(resolve, 60_000));
    });
}

void main(process.argv.slice(2));
