// YAML as the CLI reads it: plain scalars get the types of go-yaml, where 024 is the number 20 and yes is a string.

import { readFileSync } from "node:fs";
import { Document, isAlias, isMap, isScalar, isSeq, parseDocument, Scalar, type Node } from "yaml";
import { CommandError, messageOf, unknownHere } from "./errors";

export type YamlValue = null | boolean | number | string | readonly YamlValue[] | YamlMap;
export type YamlMap = ReadonlyMap<string, YamlValue>;

/** A document that keeps its comments when it is written again. @throws CommandError */
export function readDocument(file: string): Document {
    let text: string;
    try {
        text = readFileSync(file, "utf8");
    } catch (error) {
        throw new CommandError(`could not read ${file}: ${messageOf(error)}`);
    }
    const document = parseDocument(text, { schema: "failsafe", keepSourceTokens: true });
    const [error] = document.errors;
    if (error !== undefined)
        throw new CommandError(`could not unmarshal '${file}': invalid YAML file: ${error.message}`);
    return document;
}

/** What a node says. @throws CommandError for what go-yaml would resolve in ways that are not copied here */
export function valueOf(node: unknown, document: Document): YamlValue {
    if (node === null || node === undefined) return null;
    if (isAlias(node)) return valueOf(node.resolve(document), document);
    if (isSeq(node)) return node.items.map((item) => valueOf(item, document));
    if (isMap(node)) {
        return new Map(
            node.items.map(({ key, value }) => {
                const name = String(isScalar(key) ? key.value : key);
                if (name === "<<") throw unknownHere("a YAML merge key (<<)");
                return [name, valueOf(value, document)];
            }),
        );
    }
    if (isScalar(node)) return node.type === Scalar.PLAIN ? resolvePlain(String(node.value)) : String(node.value);
    throw unknownHere("this kind of YAML node");
}

const integer = /^[-+]?(?:0b[01_]+|0x[0-9a-fA-F_]+|0o?[0-7_]+|[1-9][0-9_]*|0)$/;
const float = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/;
const date = /^\d{4}-\d\d?-\d\d?(?:[Tt \t].*)?$/;

/** The value of an unquoted scalar. */
function resolvePlain(text: string): YamlValue {
    if (["", "~", "null", "Null", "NULL"].includes(text)) return null;
    if (["true", "True", "TRUE"].includes(text)) return true;
    if (["false", "False", "FALSE"].includes(text)) return false;
    if (integer.test(text)) return parseInteger(text);
    if (float.test(text)) return Number(text);
    if (date.test(text)) throw unknownHere(`an unquoted date (${text}); put it in quotes`);
    return text;
}

function parseInteger(text: string): number {
    const sign = text.startsWith("-") ? -1 : 1;
    const digits = text.replace(/^[-+]/, "").replaceAll("_", "");
    const value = sign * Number(/^0[0-7]+$/.test(digits) ? `0o${digits.slice(1)}` : digits);
    if (!Number.isSafeInteger(value)) throw unknownHere(`a number as large as ${text}; put it in quotes`);
    return value;
}

/** A node that reads back as exactly this text, quoted if it would else be something else. */
export function textNode(text: string): Node {
    const node = new Scalar(text);
    let plain: unknown;
    try {
        plain = resolvePlain(text);
    } catch {
        plain = undefined;
    }
    if (plain !== text) node.type = Scalar.QUOTE_DOUBLE;
    return node;
}

/** The text of a key, or nothing if it is not there. @throws CommandError if it is not a text */
export function textAt(map: YamlMap, key: string, file: string): string | undefined {
    const value = map.get(key);
    if (value === undefined || value === null) return undefined;
    if (typeof value !== "string") throw new CommandError(`${file}: ${key} must be a string`);
    return value;
}
