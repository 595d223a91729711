const mark = "[redacted]";

/** Whether it is worth looking: most scripts hold none of this. */
const hint = /pass|pwd|SCRAM-SHA-256|:\/\//i;

/** Words that a secret follows: of an option, a variable, a column, a connection string's key. */
const key = /(?:password|passwd|passphrase|("?)\b(pass|pwd))\b"?/gi;
/** What may stand between the word and the secret: comments, too. */
const gap = /(?:\s|--[^\n\r]*|\/\*[\s\S]*?(?:\*\/|$)|[:=]>?)*/y;

/**
 * A text with every literal after the word PASSWORD, and every password in a connection string, replaced. Works on text
 * alone, so that it serves scripts (ROLE, USER MAPPING, SUBSCRIPTION) as well as messages that PostgreSQL sends back. Where it is not
 * clear how far the secret goes (SQL that is put together at run time), all of the rest is taken for it.
 */
export function redactSql(text: string): string {
    if (!hint.test(text)) return text;
    let shown = "";
    let at = 0;
    key.lastIndex = 0;
    for (let found = key.exec(text); found !== null; found = key.exec(text)) {
        gap.lastIndex = key.lastIndex;
        const between = gap.exec(text)?.[0] ?? "";
        const start = key.lastIndex + between.length;
        const rest = text.slice(start);
        // `pass` and `pwd` mean something else too often.
        const isKey = found[2] === undefined || found[1] === '"' || between.startsWith("=");
        const length = isKey ? secretLength(rest, between) : 0;
        if (length === 0) continue;
        shown += text.slice(at, start) + masked(rest, length);
        at = key.lastIndex = start + length;
    }
    return (shown + text.slice(at))
        .replace(/(\b[a-z][a-z0-9+.-]{0,20}:\/\/[^\s:@/]*:)[^\s@]+@/gi, `$1${mark}@`)
        .replace(/SCRAM-SHA-256\$[^\s'"]+/g, mark);
}

/** What stands for the secret: between quotes, where it had some and ends. */
function masked(rest: string, length: number): string {
    if (length === rest.length && !rest.endsWith("'")) return mark;
    if (/^''(?!')/.test(rest)) return `''${mark}''`;
    return /^(?:\w&?)?'|^\$/.test(rest) ? `'${mark}'` : mark;
}

/** Whether a script's text holds a password: then it is not stored, and shown redacted only. */
export function isSensitive(sql: string): boolean {
    return redactSql(sql) !== sql;
}

/** Of a PL/pgSQL variable: its type, up to the value. */
const declaration = /^(?:constant\s+)?[a-z_][\w.]*(?:\s*\([\d,\s]*\)|%\w+)?\s*:=\s*/i;

/** After a column's name: the list of an INSERT goes on and ends, and literals follow, of which one is the column's. */
const positional = /^[\w\s",.]*\)\s*(?:overriding\s+\w+\s+value\s+)?(?:values|select)\b[^']*'/i;

/** How many characters at the beginning of `rest` are the secret, quotes included; 0: there is none. */
function secretLength(rest: string, between: string): number {
    // format('… PASSWORD %L', 'x') and '… PASSWORD ' || 'x': it comes later.
    if (/^%[-\d$*]*[sLI]/.test(rest) || /^'\s*\|\|/.test(rest) || rest.startsWith("''''")) return rest.length;
    if (positional.test(rest)) return rest.length;
    const declared = declaration.exec(rest)?.[0];
    if (declared !== undefined) return declared.length + secretLength(rest.slice(declared.length), ":=");
    const quoted = literalLength(rest);
    if (quoted > 0) {
        // The quote may end a literal that the word stands in, with the secret in the next one; or be the first of a literal in a literal.
        const next = /^'\s*,\s*/.exec(rest)?.[0].length ?? 0;
        const following = next === 0 ? 0 : next + literalLength(rest.slice(next));
        const nested = /^''(?:[^']|'(?!')|'''')*''/.exec(rest)?.[0].length ?? 0;
        return Math.max(quoted, following, nested);
    }
    if (!/[:=]/.test(between)) return 0;
    const doubled = /^"(?:\\[\s\S]|[^"\\])*(?:"|$)/.exec(rest);
    if (doubled !== null) return doubled[0].length;
    if (!between.includes("=")) return 0;
    // crypt('x', …)
    if (/^[\w.]+\s*\(/.test(rest)) return rest.length;
    return /^(?:\\[\s\S]|[^\s'"\\])+/.exec(rest)?.[0].length ?? 0;
}

const literals = [
    // With backslashes; a plain one, also over several lines; one in an E'' string; dollar quotes. Cut off: to the end.
    /^[eE]'(?:\\[\s\S]|''|[^'\\])*(?:'|\\?$)/,
    /^(?:[uU]&|[bBnNxX])?'(?:''|[^'])*(?:'|$)(?:\s*[\n\r]\s*'(?:''|[^'])*(?:'|$))*/,
    /^\\'[\s\S]*?(?:\\'|$)/,
    /^\$(\w*)\$[\s\S]*?(?:\$\1\$|$)/,
];

function literalLength(rest: string): number {
    for (const literal of literals) {
        const found = literal.exec(rest);
        if (found !== null) return found[0].length;
    }
    return 0;
}
