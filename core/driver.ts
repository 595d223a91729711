import type * as Pg from "pg";

/**
 * PostgreSQL's driver. On loading, it finds out whether it runs in a browser-like runtime: by `navigator`, and without one by making
 * a `Response`, for which Node 20 loads its whole HTTP client, a tenth of what a plan at head takes. So it is shown what later
 * versions of Node have there anyway.
 */
function load(): typeof Pg {
    const isMissing = !("navigator" in globalThis);
    if (isMissing)
        Object.defineProperty(globalThis, "navigator", { value: { userAgent: "Node.js" }, configurable: true });
    try {
        return require("pg") as typeof Pg;
    } finally {
        if (isMissing) Reflect.deleteProperty(globalThis, "navigator");
    }
}

export const { Client, DatabaseError, Query, escapeLiteral } = load();
