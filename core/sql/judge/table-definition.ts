/** Pieces of a table's definition that ALTER TABLE sets, as the catalog puts it together (see `relations` in catalog-queries). */
const pieces = {
    unlogged: /^UNLOGGED\b ?/,
    inherits: / ?INHERITS \([^)]*\)/,
    type: / ?\bOF (?:"(?:[^"]|"")*"|[^\s."]+)(?:\.(?:"(?:[^"]|"")*"|[^\s."]+))?/,
    accessMethod: / ?\bUSING \S+/,
    options: / ?(?<!TOAST )\bWITH \((?:[^()']|'(?:[^']|'')*')*\)/,
    toastOptions: / ?\bWITH TOAST \([^)]*\)/,
    tablespace: / ?\bTABLESPACE (?:"(?:[^"]|"")*"|\S+)/,
    rowSecurity: / ?\bROW SECURITY\b/,
    forced: / ?\bFORCED\b/,
    replicaIdentity: / ?\bREPLICA IDENTITY \w+/,
} as const;

export type TablePiece = keyof typeof pieces;

/** The definition with a piece put in the place of the old one; undefined takes it out. */
export function withPiece(definition: string, piece: TablePiece, text: string | undefined): string {
    const old = pieces[piece];
    if (text === undefined) return definition.replace(old, "").trim();
    if (old.test(definition))
        return definition.replace(old, (found) =>
            found.startsWith(" ") ? ` ${text}` : text + (found.endsWith(" ") ? " " : ""),
        );
    return piece === "unlogged" ? `${text} ${definition}`.trim() : `${definition} ${text}`.trim();
}

export function hasPiece(definition: string, piece: TablePiece): boolean {
    return pieces[piece].test(definition);
}

export function pieceOf(definition: string, piece: TablePiece): string | undefined {
    return pieces[piece].exec(definition)?.[0].trim();
}

/**
 * Storage parameters after SET or RESET.
 * @param changes value by name; undefined resets
 */
export function withOptions(
    definition: string,
    toast: boolean,
    changes: readonly (readonly [name: string, value: string | undefined])[],
): string {
    const piece = toast ? "toastOptions" : "options";
    const list = /\(([^)]*)\)/.exec(pieceOf(definition, piece) ?? "")?.[1] ?? "";
    const options = new Map(
        list
            .split(", ")
            .filter((item) => item !== "")
            .map((item): [string, string] => [item.split("=", 1)[0] ?? "", item.split("=").slice(1).join("=")]),
    );
    for (const [name, value] of changes) {
        if (value === undefined) options.delete(name);
        else options.set(name, value);
    }
    const text = [...options].map(([name, value]) => `${name}=${value}`).join(", ");
    return withPiece(definition, piece, text === "" ? undefined : `WITH ${toast ? "TOAST " : ""}(${text})`);
}
