import type { MigrationFormat } from "../declaration";
import { BadInputError } from "../errors";
import { numberedDownFile, readNumberedSet } from "./numbered";
import type { MigrationSet } from "./set";

interface Format {
    read(dir: string): Promise<MigrationSet>;
    /** Where the down script of a version would be, for messages. */
    downFile(version: string): string;
}

const formats: Readonly<Record<MigrationFormat, Format>> = {
    numbered: { read: readNumberedSet, downFile: numberedDownFile },
};

/** @throws BadInputError naming what is allowed */
export function formatNamed(name: string): Format {
    if (Object.hasOwn(formats, name)) return formats[name as MigrationFormat];
    throw new BadInputError({
        what: `The format "${name}" is unknown; there is: ${Object.keys(formats).join(", ")}.`,
        where: { object: "migrations.format" },
        state: "Nothing was touched.",
        next: "Correct migrations.format (or --format).",
    });
}

/** @throws BadInputError as the format's reader does */
export async function readSet(dir: string, format: string): Promise<MigrationSet> {
    return formatNamed(format).read(dir);
}
