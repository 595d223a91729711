const mark = "[redacted]";

/**
 * A text with every literal after the word PASSWORD, and every password in a connection string, replaced. Works on text
 * alone, so that it serves scripts (ROLE, USER MAPPING, SUBSCRIPTION) as well as messages that PostgreSQL sends back.
 */
export function redactSql(text: string): string {
    return text
        .replace(/(\bpassword\b\s*(?:=|=>|:=)?\s*)(?:[eE]?'(?:[^']|'')*'|\$(\w*)\$[\s\S]*?\$\2\$)/gi, `$1'${mark}'`)
        .replace(/(\bpassword\s*=\s*)(?!'?\[redacted)[^\s'"]+/gi, `$1${mark}`)
        .replace(/(\bpostgres(?:ql)?:\/\/[^\s:@/]+:)[^\s@]+@/gi, `$1${mark}@`)
        .replace(/SCRAM-SHA-256\$[^\s'"]+/g, mark);
}

/** Whether a script's text holds a password: then it is not stored, and shown redacted only. */
export function isSensitive(sql: string): boolean {
    return redactSql(sql) !== sql;
}
