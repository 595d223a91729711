import { readFileSync } from "node:fs";
import { parseDocument, isScalar, type Scalar } from "yaml";

/**
 * A stack file's config as the Pulumi CLI hands it to a program: every value a string, mappings and lists as JSON. Seen on
 * CLI 3.260: it reads `024` as octal (20), `yes` as text, `1.20` as 1.2.
 */
export function configAsPulumiPasses(file: string): Record<string, string> {
    const document = parseDocument(readFileSync(file, "utf8"), { keepSourceTokens: true });
    const config = (document.toJS() as { config?: Record<string, unknown> }).config ?? {};
    return Object.fromEntries(
        Object.entries(config).map(([key, value]) => {
            const node: unknown = document.getIn(["config", key], true);
            return [key, asText(value, isScalar(node) ? node : undefined)];
        }),
    );
}

function asText(value: unknown, node: Scalar | undefined): string {
    if (typeof value === "object") return JSON.stringify(value);
    const source = node?.source ?? String(value);
    if (typeof value === "number" && /^0[0-7]+$/.test(source)) return String(Number.parseInt(source, 8));
    return String(value);
}
