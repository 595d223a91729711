// The differences between two texts, line by line.

export interface LineChange {
    readonly kind: "same" | "delete" | "add";
    readonly lines: readonly string[];
}

/** The shortest way from one list of lines to the other. */
export function diffLines(olds: readonly string[], news: readonly string[]): LineChange[] {
    const lengths = commonLengths(olds, news);
    const changes: { kind: LineChange["kind"]; lines: string[] }[] = [];
    const put = (kind: LineChange["kind"], line: string): void => {
        const last = changes.at(-1);
        if (last?.kind === kind) last.lines.push(line);
        else changes.push({ kind, lines: [line] });
    };
    let [i, j] = [0, 0];
    while (i < olds.length || j < news.length) {
        const [old, value] = [olds[i], news[j]];
        if (old !== undefined && old === value) {
            put("same", old);
            i++;
            j++;
        } else if (old !== undefined && (value === undefined || at(lengths, i + 1, j) >= at(lengths, i, j + 1))) {
            put("delete", old);
            i++;
        } else {
            put("add", value ?? "");
            j++;
        }
    }
    return changes;
}

/** How many lines two rests have in common, by where the rests begin. */
function commonLengths(olds: readonly string[], news: readonly string[]): Uint32Array[] {
    const lengths = Array.from({ length: olds.length + 1 }, () => new Uint32Array(news.length + 1));
    for (let i = olds.length - 1; i >= 0; i--) {
        const row = lengths[i];
        if (row === undefined) continue;
        for (let j = news.length - 1; j >= 0; j--) {
            row[j] =
                olds[i] === news[j]
                    ? at(lengths, i + 1, j + 1) + 1
                    : Math.max(at(lengths, i + 1, j), at(lengths, i, j + 1));
        }
    }
    return lengths;
}

function at(lengths: readonly Uint32Array[], i: number, j: number): number {
    return lengths[i]?.[j] ?? 0;
}
