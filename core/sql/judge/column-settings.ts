import type { Node } from "libpg-query";
import { parseColumn, withParts } from "../column-definition";
import { as } from "../nodes";
import type { AlterCommand } from "./alter-command";
import { optionChanges } from "./options";
import { withOptions } from "./table-definition";

const storageLetters: Readonly<Record<string, string>> = { plain: "p", external: "e", extended: "x", main: "m" };

/** How a type is stored when nothing is said. Source: typstorage of pg_type. */
function usualStorage(type: string): string {
    if (/^(?:numeric|inet|cidr)\b/.test(type)) return "m";
    return /\[\]$|^(?:text|character|bytea|json|jsonb|xml|bit|tsvector|path|polygon|public\.hstore)\b/.test(type)
        ? "x"
        : "p";
}

function withColumnOptions(rest: string, command: AlterCommand): string {
    const options = as<{ items?: Node[] }>(command.def, "List")?.items ?? [];
    return ` ${withOptions(rest.trim(), false, optionChanges(options, command.subtype === "AT_ResetOptions"))}`.trimEnd();
}

/** STATISTICS, STORAGE, COMPRESSION and options of a column. */
export function withSetting(definition: string, command: AlterCommand): string {
    const { rest, type } = parseColumn(definition);
    const text = as<{ sval?: string }>(command.def, "String")?.sval?.toLowerCase() ?? "";
    const put = (pattern: RegExp, value: string): string =>
        withParts(definition, { rest: pattern.test(rest) ? rest.replace(pattern, value) : rest + value });
    switch (command.subtype) {
        case "AT_SetStatistics": {
            const target = command.def === undefined ? -1 : (as<{ ival?: number }>(command.def, "Integer")?.ival ?? 0);
            return put(/ STATISTICS \d+/, target < 0 ? "" : ` STATISTICS ${target}`);
        }
        case "AT_SetStorage": {
            const letter = text === "default" ? usualStorage(type) : (storageLetters[text] ?? "?");
            return put(/ STORAGE \S+/, letter === usualStorage(type) ? "" : ` STORAGE ${letter}`);
        }
        case "AT_SetCompression":
            return put(/ COMPRESSION \S+/, text === "default" ? "" : ` COMPRESSION ${text.charAt(0)}`);
        case "AT_SetOptions":
        case "AT_ResetOptions":
            return withParts(definition, { rest: withColumnOptions(rest, command) });
        default:
            return put(/ OPTIONS \(.*\)/, " OPTIONS (changed)");
    }
}
