import { z } from "zod";
import { settingsSchema } from "../stacks/settings-schema";

interface JsonSchema {
    readonly type?: string;
    readonly description?: string;
    readonly default?: unknown;
    readonly enum?: readonly unknown[];
    readonly properties?: Readonly<Record<string, JsonSchema>>;
    readonly required?: readonly string[];
    readonly items?: JsonSchema;
    readonly anyOf?: readonly JsonSchema[];
}

const head = `# A stack's settings

Everything that a stack's file may say under the project's name, as \`PROJECT:KEY\`. Unknown keys and wrong types are refused, with the key
and what is allowed. Written by \`npm run schemas\` from the schema that checks them.

| key | type | meaning | default |
| --- | --- | --- | --- |
`;

/** docs/settings.md: a row for each key of a stack's file. */
export function settingsReference(): string {
    const schema = z.toJSONSchema(settingsSchema, { io: "input" }) as JsonSchema;
    return head + rows(schema, "").join("\n") + "\n";
}

function rows(schema: JsonSchema, prefix: string): string[] {
    return Object.entries(schema.properties ?? {}).flatMap(([name, value]) => {
        const key = prefix + name;
        const nested = value.properties !== undefined;
        const required = schema.required?.includes(name) === true;
        const fallback = value.default === undefined || nested ? "" : `\`${JSON.stringify(value.default)}\``;
        const cells = [`\`${key}\``, typeText(value), value.description ?? "", required ? "**required**" : fallback];
        return [
            `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`,
            ...rows(value, `${key}.`),
            ...(value.anyOf ?? []).flatMap((form) => rows(form, `${key}.`)),
            ...rows(value.items ?? {}, `${key}[].`),
        ];
    });
}

function typeText({ type, enum: values, items, anyOf }: JsonSchema): string {
    if (anyOf !== undefined) return anyOf.map(typeText).join(" or ");
    if (values !== undefined) return values.map((v) => `\`${String(v)}\``).join(", ");
    return type === "array"
        ? `list of ${items?.type === "object" ? "mapping" : (items?.type ?? "any")}`
        : type === "object"
          ? "mapping"
          : (type ?? "");
}
