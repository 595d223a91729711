/**
 * Lines as PostgreSQL's scanner and editors see them: `\n`, `\r\n` and a lone `\r` each end one. Whoever took only the first two
 * for ends would read a file of lone `\r` as one comment, and run nothing of it.
 */
const lineEnd = /\r\n|[\r\n]/;

/** 1-based line of a UTF-16 offset. */
export function lineAt(text: string, offset: number): number {
    return 1 + lineEnds(text, 0, offset);
}

/** How many lines end between two offsets. */
export function lineEnds(text: string, from: number, to: number): number {
    const part = text.slice(from, to);
    let count = 0;
    for (let i = part.indexOf("\n"); i !== -1; i = part.indexOf("\n", i + 1)) count++;
    for (let i = part.indexOf("\r"); i !== -1; i = part.indexOf("\r", i + 1)) if (part[i + 1] !== "\n") count++;
    return count;
}

export function firstLine(text: string): string {
    return text.split(lineEnd, 1)[0] ?? "";
}

export function linesOf(text: string): string[] {
    return text.split(lineEnd);
}
