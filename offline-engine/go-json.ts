// JSON with the bytes that Go's encoding/json writes, so that files and outputs of both engines compare.

/** @param options.indent spaces per level; without it all is one line. @param options.html escapes <, > and &. */
export function goJson(value: unknown, options: { readonly indent?: number; readonly html?: boolean } = {}): string {
    const text = JSON.stringify(value, null, options.indent)
        .replaceAll("\u2028", "\\u2028")
        .replaceAll("\u2029", "\\u2029");
    if (options.html !== true) return text;
    return text.replaceAll("<", "\\u003c").replaceAll(">", "\\u003e").replaceAll("&", "\\u0026");
}
