import assert from "node:assert/strict";

/** A test of something that is known to be wrong: it passes while the body fails, and fails once that is mended. */
export function knownFault(title: string, fault: string, body: () => Promise<void>): void {
    it(`${title} (known fault: ${fault})`, async () => {
        await assert.rejects(body(), assert.AssertionError, `mended: ${fault}; make it a plain test`);
    });
}
