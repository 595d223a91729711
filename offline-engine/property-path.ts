// Paths into property values: a.b[0]["other key"] (sdk/go/common/resource/properties_path.go).

import { CommandError, unknownHere } from "./errors";
import { isPropertyMap, noProperties, Secret, type Property, type PropertyMap } from "./properties";

export type PropertyPath = readonly (string | number)[];

const part = /\.?([^.[\]"]+)|\.?\[(\d+)\]|\.?\["((?:[^"\\]|\\.)*)"\]/y;

/** @throws CommandError if it is none */
export function parsePath(text: string): PropertyPath {
    const path: (string | number)[] = [];
    part.lastIndex = 0;
    while (part.lastIndex < text.length) {
        const found = part.exec(text);
        if (found === null || (path.length === 0 && text.startsWith(".")))
            throw new CommandError(`invalid property path: ${text}`);
        const [, name, index, quoted] = found;
        path.push(index === undefined ? (name ?? quoted?.replaceAll('\\"', '"') ?? "") : Number(index));
    }
    return path;
}

/**
 * The new inputs with the old ones at the paths that are to be ignored (PropertyPath.Reset).
 * @returns also the paths where that is not possible
 */
export function ignoringChanges(
    news: PropertyMap,
    olds: PropertyMap,
    paths: readonly string[],
): { readonly inputs: PropertyMap; readonly impossible: readonly string[] } {
    let inputs = news;
    const impossible: string[] = [];
    for (const text of paths) {
        const path = parsePath(text).map((element) => {
            if (typeof element === "number" || element === "*") throw unknownHere(`the ignoreChanges path ${text}`);
            return element;
        });
        const reset = resetAt(inputs, olds, path);
        if (reset === undefined) impossible.push(text);
        else inputs = reset;
    }
    return { inputs, impossible };
}

/** Nothing, if the path leads through something that only one of the two has. */
function resetAt(news: PropertyMap, olds: PropertyMap, [key, ...rest]: readonly string[]): PropertyMap | undefined {
    if (key === undefined) return undefined;
    const [old, value] = [olds.get(key), news.get(key)];
    const result = new Map<string, Property>(news);
    if (rest.length === 0) {
        if (old === undefined) result.delete(key);
        else result.set(key, old);
        return result;
    }
    if (old !== undefined && value === undefined) return undefined;
    if (value === undefined) return result;
    const [oldInside, newInside] = [insideOf(old ?? null), insideOf(value)];
    if (oldInside === undefined || newInside === undefined) return oldInside === newInside ? result : undefined;
    const inside = resetAt(newInside, oldInside, rest);
    if (inside === undefined) return undefined;
    return result.set(key, value instanceof Secret || old instanceof Secret ? new Secret(inside) : inside);
}

function insideOf(value: Property): PropertyMap | undefined {
    if (value === null) return noProperties;
    if (value instanceof Secret) return insideOf(value.element);
    return isPropertyMap(value) ? value : undefined;
}
