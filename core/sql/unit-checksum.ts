import { createHash } from "node:crypto";
import type { Unit } from "./script";

/** SHA-256, lower-case hex, of a unit's own text: tells whether an edited script still begins with what was done of it. */
export function unitChecksum(unit: Unit): string {
    const hash = createHash("sha256").update(`${String(unit.transactional)} ${unit.beginOptions}`);
    for (const { sql } of unit.statements) hash.update(`\0${sql}`);
    return hash.digest("hex");
}
