import { rmSync } from "node:fs";
import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { rootCertificates } from "node:tls";
import type { ClientConfig } from "pg";

/** Paths in a URL, by libpq's names. */
export interface CertificateFiles {
    readonly sslrootcert?: string;
    readonly sslcert?: string;
    readonly sslkey?: string;
}

/** @param parameters of a PostgreSQL URL; `sslrootcert=system` counts as none */
export function certificateFiles(parameters: URLSearchParams): CertificateFiles {
    const of = (name: keyof CertificateFiles): CertificateFiles => {
        const path = parameters.get(name);
        return path === null || path === "" || (name === "sslrootcert" && path === "system") ? {} : { [name]: path };
    };
    return { ...of("sslrootcert"), ...of("sslcert"), ...of("sslkey") };
}

/**
 * What makes pg_dump and its kin trust the servers that our own connection trusts: libpq by itself looks for ~/.postgresql/root.crt, and
 * fails without, where Node has certificates of its own.
 * @param ssl as pg takes it
 */
export async function libpqTls(
    ssl: ClientConfig["ssl"],
    { sslrootcert, sslcert, sslkey }: CertificateFiles,
): Promise<Readonly<Record<string, string>>> {
    if (typeof ssl !== "object") return { PGSSLMODE: "disable" };
    const own = {
        ...(sslcert === undefined ? {} : { PGSSLCERT: sslcert }),
        ...(sslkey === undefined ? {} : { PGSSLKEY: sslkey }),
    };
    if (ssl.rejectUnauthorized === false) return { PGSSLMODE: "require", ...own };
    return {
        PGSSLMODE: ssl.checkServerIdentity === undefined ? "verify-full" : "verify-ca",
        PGSSLROOTCERT: sslrootcert ?? (await rootsFile()),
        ...own,
    };
}

let roots: Promise<string> | undefined;

/** The certificates that Node trusts, as a file of this process, in a folder that nobody else can write to. */
function rootsFile(): Promise<string> {
    roots ??= writeRoots();
    return roots;
}

async function writeRoots(): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), "schemaward-roots-"));
    process.once("exit", () => {
        rmSync(folder, { recursive: true, force: true });
    });
    const extra = process.env["NODE_EXTRA_CA_CERTS"];
    const own = extra === undefined || extra === "" ? "" : await readFile(extra, "utf8").catch(() => "");
    const file = join(folder, "roots.pem");
    await writeFile(file, [...rootCertificates, own].join("\n"), { mode: 0o600 });
    return file;
}
