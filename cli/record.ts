import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import os from "node:os";
import path from "node:path";
import { codeFile, openBundle, writeWhole } from "./bundle";

// Writes V8's compiled code of the command, on the machine and with the Node that will use it: at the end of a build, and when the
// package is installed. For that it runs a plan up to a server that asks for a password and turns it down: V8 compiles a function when it
// is first called, and to have all of them compiled would make a file so large that reading it takes the time it saves.

const saslContinue = 11;
const sasl = 10;

/** One message of PostgreSQL's protocol (protocol version 3). */
function message(type: string, ...parts: readonly (string | Buffer)[]): Buffer {
    const body = Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part) : part)));
    const head = Buffer.alloc(5, type);
    head.writeInt32BE(body.length + 4, 1);
    return Buffer.concat([head, body]);
}

function authentication(code: number, text: string): Buffer {
    const number = Buffer.alloc(4);
    number.writeInt32BE(code);
    return message("R", number, text);
}

const refused = message("E", "SFATAL\0C28P01\0Mno password is right here\0\0");

/** Asks for a password by SCRAM-SHA-256 (RFC 5802), and then says no. */
function turnDown(socket: Socket): void {
    const answers = [
        () => authentication(sasl, "SCRAM-SHA-256\0\0"),
        (said: string) => authentication(saslContinue, `r=${/r=([^,]+)/.exec(said)?.[1] ?? ""}x,s=c2FsdA==,i=4096`),
        () => refused,
    ];
    socket.on("error", () => undefined);
    socket.on("data", (data) => socket.write(answers.shift()?.(data.toString("latin1")) ?? refused));
}

const bundle = openBundle(__dirname);
if (bundle !== undefined) {
    const folder = mkdtempSync(path.join(os.tmpdir(), "schemaward-record-"));
    mkdirSync(path.join(folder, "rollback"));
    writeFileSync(path.join(folder, "001_one.sql"), "SELECT 1;\n");
    writeFileSync(path.join(folder, "rollback", "001_down.sql"), "SELECT 1;\n");
    const writeError = process.stderr.write.bind(process.stderr);
    let said = "";
    process.stderr.write = (text) => {
        said += String(text);
        return true;
    };
    process.once("exit", () => {
        try {
            rmSync(folder, { recursive: true });
            if (!said.includes("no password is right here")) throw new Error(said);
            writeWhole(path.join(__dirname, codeFile), bundle.code());
            process.exitCode = 0;
        } catch (error) {
            writeError(`The command will take longer to start: its compiled code was not written. ${String(error)}\n`);
            // An installation is not to fail for it.
            process.exitCode = process.env["npm_lifecycle_event"] === "postinstall" ? 0 : 1;
        }
    });
    const server = createServer(turnDown).listen(0, "127.0.0.1", () => {
        server.unref();
        const address = server.address();
        const port = typeof address === "object" && address !== null ? address.port : 0;
        // Also where npm runs this by `node -e`, of which the command must not know.
        process.execArgv = [];
        process.argv = [process.execPath, path.join(__dirname, "main.js"), "plan", "--dir", folder];
        process.env["DATABASE_URL"] = `postgresql://nobody:none@127.0.0.1:${port}/none?sslmode=disable`;
        bundle.run(require);
    });
}
