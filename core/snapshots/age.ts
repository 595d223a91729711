import type * as Age from "age-encryption" with { "resolution-mode": "import" };

/**
 * Loads age's implementation, an ES module. Called by its name in package.json, `#age`, so that it stays outside of the command's bundle: what
 * runs there as a script of V8's cannot import.
 */
export async function age(): Promise<typeof Age> {
    return import("age-encryption");
}
