import { writeFileSync } from "node:fs";
import path from "node:path";
import { planJsonSchema } from "../core/plan/plan-schema";
import { root } from "./pg-binaries";
import { rbacManifests } from "./rbac-manifests";
import { settingsReference } from "./settings-reference";

/** What is published and written from code, by file; `npm run schemas` writes it anew. */
export const publishedFiles: Readonly<Record<string, () => string>> = {
    "docs/plan.schema.json": () => `${JSON.stringify(planJsonSchema(), undefined, 4)}\n`,
    "docs/settings.md": settingsReference,
    "docs/kubernetes/rbac.yaml": rbacManifests,
};

if (require.main === module)
    for (const [file, make] of Object.entries(publishedFiles)) writeFileSync(path.join(root, file), make());
