import { resolve } from "node:path";
import { BadInputError, SchemawardError } from "../core/errors";
import { formatNamed, readSet } from "../core/migrations/formats";
import type { Migration, Script } from "../core/migrations/set";
import { buildPlan } from "../core/plan/build";
import { takeApart } from "../core/plan/prepare";
import { loadParser } from "../core/sql/parser";
import { verifyQueryOf } from "../core/sql/verify-query";
import { print } from "./output";
import { readTarget, type TargetFlags } from "./target";

/**
 * `schemaward validate`: reads and parses every script, up and down; with a database as well, compares what is applied.
 * @throws BadInputError with every problem found
 */
export async function validate(flags: TargetFlags & { readonly json?: boolean }): Promise<void> {
    const hasDatabase =
        flags.stack !== undefined || flags.url !== undefined || process.env["DATABASE_URL"] !== undefined;
    const target = hasDatabase ? readTarget(flags) : undefined;
    if (target === undefined && flags.dir === undefined)
        throw new BadInputError({ what: "Which migrations?", next: "Give --stack NAME, or --dir DIR." });
    const dir = resolve(target?.projectDir ?? process.cwd(), target?.declaration.migrations.dir ?? flags.dir ?? "");
    const format = target?.declaration.migrations.format ?? flags.format ?? "numbered";
    const set = await readSet(dir, format);
    await loadParser();
    const mirrored = target?.declaration.history.mirror !== "none";
    const problems = set.migrations.flatMap((m) => problemsOf(m, mirrored));
    if (problems.length > 0) {
        throw new BadInputError({
            what: `${problems.length} ${problems.length === 1 ? "script" : "scripts"} of ${set.migrations.length} migrations cannot be used.`,
            where: { file: dir },
            detail: problems,
            state: "Nothing was touched.",
            next: "Correct them.",
        });
    }
    const warnings = set.migrations
        .filter((m) => m.down === undefined)
        .map((m) => `${m.version} has no ${formatNamed(format).downFile(m.version)}: there is no way back over it`);
    const compared =
        target === undefined ? undefined : await buildPlan(target.declaration, { ...target, observe: "none" });
    const gone = (compared?.state.applied ?? [])
        .filter((row) => set.find(row.version) === undefined)
        .map((row) => row.version);
    const document = {
        ok: true,
        migrations: set.migrations.length,
        warnings: [
            ...warnings,
            ...gone.map((version) => `${version} is applied, and is no longer in the folder`),
            ...(compared?.plan.refusals.map((r) => r.text) ?? []),
        ],
        comparedWithDatabase: compared !== undefined,
    };
    print(flags.json === true, document, [
        `${set.migrations.length} migrations are in order${compared === undefined ? "" : `, and ${compared.state.applied.length - gone.length} of the ${compared.state.applied.length} applied ones are in the folder as they were applied`}`,
        ...document.warnings.map((w) => `warning: ${w}`),
    ]);
}

/** The history table of a set that nobody has said more of. */
const usualSchema = "public";

function problemsOf({ version, name, up, down, verify }: Migration, mirrored: boolean): string[] {
    const schema = mirrored ? usualSchema : undefined;
    return [
        ...told(up, () => takeApart({ direction: "up", version, name, script: up }, schema)),
        ...(down === undefined
            ? []
            : told(down, () => takeApart({ direction: "down", version, name, script: down }, schema))),
        ...(verify === undefined ? [] : told(verify, () => verifyQueryOf(verify))),
    ];
}

/** What is wrong with a file, where something is. */
function told({ file }: Script, check: () => unknown): string[] {
    try {
        check();
        return [];
    } catch (error) {
        if (!(error instanceof SchemawardError)) throw error;
        const { where, what } = error.parts;
        return [`${where?.file ?? file}:${where?.line ?? 1}: ${what}`];
    }
}
