import { openDatabase } from "../../core/connection";
import { openStore } from "../../core/snapshots/stores";
import { takeSnapshot } from "../../core/snapshots/take";
import { hooked, request } from "./fixture";

/** A process that stops in the middle of a snapshot's stream, says so to its parent, and waits to be killed. */
const [, , storeUrl = ""] = process.argv;
const store = hooked(openStore(storeUrl, "/"), {
    midStream: async () =>
        new Promise(() => {
            process.send?.("mid-stream");
        }),
});
void takeSnapshot(
    request(openDatabase({ env: "DATABASE_URL" }), store, { now: () => new Date("2026-01-02T03:04:05Z") }),
);
