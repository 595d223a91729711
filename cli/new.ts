import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { BadInputError } from "../core/errors";
import { formatNamed, readSet } from "../core/migrations/formats";
import { print } from "./output";
import { readTarget, type TargetFlags } from "./target";

/** `schemaward new NAME`: the files of the next migration, from a template. */
export async function newMigration(name: string, flags: TargetFlags & { readonly json?: boolean }): Promise<void> {
    if (!/^[A-Za-z0-9][A-Za-z0-9_-]*$/.test(name)) {
        throw new BadInputError({
            what: `"${name}" is no name for a migration.`,
            state: "Nothing was written.",
            next: "Use letters, digits, _ and -, like add_feature_flags.",
        });
    }
    const { dir, format } = folder(flags);
    mkdirSync(dir, { recursive: true });
    const set = await readSet(dir, format);
    const last = set.migrations.at(-1)?.version ?? "000";
    const version = String(BigInt(last) + 1n).padStart(last.length, "0");
    const today = new Date().toISOString().slice(0, 10);
    const up = `${version}_${name}.sql`;
    const files: [string, string][] = [
        [
            up,
            `-- Migration: ${up}\n-- Description: \n-- Created: ${today}\n\n-- One transaction runs the whole file; BEGIN and COMMIT are not needed.\n`,
        ],
        [
            formatNamed(format).downFile(version),
            `-- Rollback: ${up}\n-- Description: \n-- Created: ${today}\n\n-- Undo everything ${up} does, last thing first.\n`,
        ],
        [
            `verify/${version}_verify.sql`,
            `-- Verify: ${up}\n-- One query that yields true when the migration has done what it is for; only then it takes effect.\nSELECT true AS ok;\n`,
        ],
    ];
    for (const [file] of files) {
        if (existsSync(join(dir, file)))
            throw new BadInputError({
                what: "The file exists already.",
                where: { file },
                state: "Nothing was written.",
            });
    }
    for (const [file, text] of files) {
        mkdirSync(dirname(join(dir, file)), { recursive: true });
        writeFileSync(join(dir, file), text, { flag: "wx" });
    }
    const made = files.map(([file]) => relative(process.cwd(), join(dir, file)));
    print(
        flags.json === true,
        { ok: true, version, files: made },
        made.map((f) => `made ${f}`),
    );
}

/** New files need no database: only the folder must be known. */
function folder(flags: TargetFlags): { dir: string; format: string } {
    if (flags.stack === undefined && flags.dir !== undefined)
        return { dir: resolve(flags.dir), format: flags.format ?? "numbered" };
    const { declaration, projectDir } = readTarget(flags);
    return { dir: resolve(projectDir, declaration.migrations.dir), format: declaration.migrations.format };
}
