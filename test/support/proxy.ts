import { once } from "node:events";
import net from "node:net";

export interface ProxyHooks {
    /** A new connection waits for this before it gets through. */
    admit?: () => Promise<void>;
    /** Looks at what a client sends; false: the message is thrown away and the connection cut. */
    toServer?: (chunk: Buffer) => boolean;
    /** Looks at what the server answers; false: likewise; "lose": it never arrives, and the connection stays. */
    toClient?: (chunk: Buffer) => boolean | "lose";
}

/** A TCP proxy before a local port, whose connections can be cut at a chosen moment. */
export class Proxy {
    private readonly sockets = new Set<net.Socket>();

    private constructor(
        private readonly server: net.Server,
        readonly hooks: ProxyHooks,
    ) {}

    static async start(port: number, hooks: ProxyHooks = {}): Promise<Proxy> {
        const server = net.createServer();
        const proxy = new Proxy(server, hooks);
        server.on("connection", (client) => {
            if (hooks.admit === undefined) proxy.connect(client, port);
            else
                void hooks.admit().then(() => {
                    proxy.connect(client, port);
                });
        });
        server.listen(0, "127.0.0.1");
        await once(server, "listening");
        return proxy;
    }

    get port(): number {
        return (this.server.address() as net.AddressInfo).port;
    }

    /** The same URL through this proxy. */
    through(url: string): string {
        const other = new URL(url);
        other.port = String(this.port);
        return other.toString();
    }

    private connect(client: net.Socket, port: number): void {
        const upstream = net.connect(port, "127.0.0.1");
        const cut = (): void => {
            client.destroy();
            upstream.destroy();
        };
        for (const socket of [client, upstream]) {
            this.sockets.add(socket);
            socket.on("error", cut).on("close", () => {
                this.sockets.delete(socket);
                cut();
            });
        }
        client.on("data", (chunk) => {
            if (this.hooks.toServer?.(chunk) === false) cut();
            else upstream.write(chunk);
        });
        upstream.on("data", (chunk) => {
            const what = this.hooks.toClient?.(chunk) ?? true;
            if (what === false) cut();
            else if (what === true) client.write(chunk);
        });
    }

    /** Cuts all connections now. */
    cut(): void {
        for (const socket of this.sockets) socket.destroy();
    }

    async stop(): Promise<void> {
        this.server.close();
        this.cut();
        await once(this.server, "close");
    }
}
