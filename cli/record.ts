import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { codeFile, openBundle } from "./bundle";

// Writes V8's compiled code of the command, on the machine and with the Node that will use it: at the end of a build, and when the
// package is installed. For that it runs a plan up to the server, where nobody answers: V8 compiles a function when it is first called,
// and to have all of them compiled would make a file so large that reading it takes the time it saves.

const bundle = openBundle(__dirname);
if (bundle !== undefined) {
    const folder = mkdtempSync(path.join(os.tmpdir(), "schemaward-record-"));
    mkdirSync(path.join(folder, "rollback"));
    writeFileSync(path.join(folder, "001_one.sql"), "SELECT 1;\n");
    writeFileSync(path.join(folder, "rollback", "001_down.sql"), "SELECT 1;\n");
    // Also where npm runs this by `node -e`, of which the command must not know.
    process.execArgv = [];
    process.argv = [process.execPath, path.join(__dirname, "main.js"), "plan", "--dir", folder];
    process.env["DATABASE_URL"] = "postgresql://nobody:none@127.0.0.1:1/none?sslmode=disable";
    const writeError = process.stderr.write.bind(process.stderr);
    let said = "";
    process.stderr.write = (text) => {
        said += String(text);
        return true;
    };
    process.once("exit", () => {
        try {
            rmSync(folder, { recursive: true });
            if (!said.includes("No connection to PostgreSQL")) throw new Error(said);
            const file = path.join(__dirname, codeFile);
            // Whole or not at all, since others may be running the command.
            writeFileSync(`${file}.${process.pid}`, bundle.code());
            renameSync(`${file}.${process.pid}`, file);
            process.exitCode = 0;
        } catch (error) {
            writeError(`The command will take longer to start: its compiled code was not written. ${String(error)}\n`);
            // An installation is not to fail for it.
            process.exitCode = process.env["npm_lifecycle_event"] === "postinstall" ? 0 : 1;
        }
    });
    bundle.run(require);
}
