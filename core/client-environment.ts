import type { LibpqEnvironment } from "./connection";

/**
 * What of our environment PostgreSQL's client programs need: where libraries and libpq's own files are. No PGSERVICE, PGHOSTADDR or
 * PGOPTIONS: each of them would lead to another database than the connection says.
 */
const inherited =
    /^(PATH|HOME|USER|LOGNAME|USERPROFILE|APPDATA|SystemRoot|TMPDIR|TEMP|TMP|LD_LIBRARY_PATH|DYLD_.*|KRB5.*|PGUSER|PGPASSWORD|PGPASSFILE|PGSSL(ROOTCERT|CERT|KEY|CRL|CRLDIR)|PGKRBSRVNAME)$/i;

/**
 * The environment of a client program, whose messages are in English.
 * @param libpq where it connects to; without it, it connects to nothing
 */
export function clientEnvironment(libpq?: LibpqEnvironment): NodeJS.ProcessEnv {
    const environment = Object.entries(process.env).filter(
        ([name]) => inherited.test(name) && (libpq !== undefined || !/^PG/i.test(name)),
    );
    return { ...Object.fromEntries(environment), ...libpq, LC_ALL: "C" };
}
