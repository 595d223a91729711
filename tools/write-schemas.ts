import { writeFileSync } from "node:fs";
import path from "node:path";
import { planJsonSchema } from "../core/plan/plan-schema";
import { root } from "./pg-binaries";

/** The published schemas by file; `npm run schemas` writes them anew. */
export const publishedSchemas: Readonly<Record<string, () => unknown>> = {
    "docs/plan.schema.json": planJsonSchema,
};

export function schemaText(schema: unknown): string {
    return `${JSON.stringify(schema, undefined, 4)}\n`;
}

if (require.main === module)
    for (const [file, make] of Object.entries(publishedSchemas))
        writeFileSync(path.join(root, file), schemaText(make()));
