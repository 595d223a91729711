import type * as Library from "libpg-query";

let loading: Promise<void> | undefined;
let library: typeof Library | undefined;

let prepare = (): void => undefined;

/** What is to be done before the parser is loaded, if it ever is: settings of the process, for whom it belongs to. */
export function beforeParser(first: () => void): void {
    prepare = first;
}

/** Makes PostgreSQL's own parser ready; only then may `parser` be called. Loaded late: most commands have nothing to parse. */
export function loadParser(): Promise<void> {
    return (loading ??= load());
}

async function load(): Promise<void> {
    prepare();
    const loaded = require("libpg-query") as typeof Library;
    await loaded.loadModule();
    library = loaded;
}

/** @throws Error before `loadParser` is done */
export function parser(): typeof Library {
    if (library === undefined) throw new Error("The parser is not loaded.");
    return library;
}
