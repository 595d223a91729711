import { readFileSync } from "node:fs";
import { parseDocument, isScalar, type Scalar } from "yaml";

/**
 * A stack file's config as the Pulumi CLI hands it to a program: every value a string, mappings and lists as JSON. Seen on
 * CLI 3.260: it reads `024` as octal (20), `1_000` as 1000, `yes` as text, `1.20` as 1.2.
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
    if (typeof value === "string")
        return node?.type === "PLAIN" && /^\d[\d_]*$/.test(value) ? value.replaceAll("_", "") : value;
    const octal = /^0[0-7]+$/.exec(node?.source ?? "")?.[0];
    return octal !== undefined && typeof value === "number" ? String(Number.parseInt(octal, 8)) : JSON.stringify(value);
}
