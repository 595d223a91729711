// Loaded into the provider's process before anything else. When the engine dies, even by SIGKILL, the pipe to standard
// input closes: then take no more calls. What is being done is still done; with nothing left to do Node ends by itself.

import { Server } from "node:net";

const servers = new Set<Server>();
// eslint-disable-next-line @typescript-eslint/unbound-method -- called with the server below
const listen = Server.prototype.listen as (this: Server, ...args: unknown[]) => Server;

Server.prototype.listen = function (this: Server, ...args: unknown[]): Server {
    servers.add(this);
    return listen.apply(this, args);
} as typeof Server.prototype.listen;

process.stdin.on("close", () => {
    for (const server of servers) server.close();
});
process.stdin.on("error", () => undefined);
process.stdin.resume();
