import { isArray, isPropertyMap, ResourceReference, Secret, sortedKeys, Unknown, type Property } from "./properties";

/** A property value as Go's fmt prints it in messages, except that secrets stay hidden. */
export function goFormat(value: Property): string {
    if (value instanceof Unknown) return "output<string>{}";
    if (value === null) return "{<nil>}";
    if (value instanceof Secret) return "{[secret]}";
    if (isArray(value)) return `{[${value.map(goFormat).join(" ")}]}`;
    if (isPropertyMap(value)) {
        const entries = sortedKeys(value).map((key) => `${key}:${goFormat(value.get(key) ?? null)}`);
        return `{map[${entries.join(" ")}]}`;
    }
    if (value instanceof ResourceReference) return `{${value.urn}}`;
    return `{${typeof value === "number" ? formatNumber(value) : String(value)}}`;
}

/** %v of a float64: with an exponent from 1e+06 on, and below 1e-04. */
function formatNumber(value: number): string {
    const exponent = value === 0 ? 0 : Math.floor(Math.log10(Math.abs(value)));
    if (exponent >= -4 && exponent < 6) return value.toString();
    return value.toExponential().replace(/e([+-])(\d)$/, "e$10$2");
}
