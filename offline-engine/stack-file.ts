import { existsSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { Document, isMap, isScalar, YAMLMap } from "yaml";
import { CommandError, unknownHere } from "./errors";
import { goJson } from "./go-json";
import { compareBytes } from "./properties";
import type { Crypter } from "./secrets";
import { readDocument, textAt, textNode, valueOf, type YamlMap, type YamlValue } from "./yaml";

/** One configuration value as the stack's file holds it: ciphertexts are maps with the one key "secure". */
export type ConfigValue = YamlValue;

/** A value in clear, and whether any of it is secret. */
export interface PlainConfig {
    readonly text: string;
    readonly secret: boolean;
}

/** Pulumi.STACK.yaml. Comments and order survive a change. */
export class StackFile {
    private constructor(
        readonly path: string,
        private readonly document: Document,
    ) {}

    /** A file that does not exist is an empty one. @throws CommandError */
    static read(path: string): StackFile {
        const document = existsSync(path) ? readDocument(path) : new Document(new YAMLMap(), { schema: "failsafe" });
        document.contents ??= document.createNode({}) as unknown as typeof document.contents;
        if (!isMap(document.contents)) throw new CommandError(`could not unmarshal '${path}': expected a mapping`);
        const file = new StackFile(path, document);
        for (const key of file.content().keys()) {
            if (key !== "encryptionsalt" && key !== "config" && key !== "secretsprovider")
                throw unknownHere(`the key ${key} of ${path}`);
        }
        const provider = textAt(file.content(), "secretsprovider", path) ?? "default";
        if (provider !== "default" && provider !== "passphrase")
            throw unknownHere(`the secrets provider ${provider} of ${path}`);
        return file;
    }

    private content(): YamlMap {
        return valueOf(this.document.contents, this.document) as YamlMap;
    }

    salt(): string | undefined {
        return textAt(this.content(), "encryptionsalt", this.path);
    }

    setSalt(salt: string): void {
        this.document.set("encryptionsalt", textNode(salt));
    }

    /** By full key, PROJECT:NAME. @throws CommandError */
    config(): ReadonlyMap<string, ConfigValue> {
        const config = this.content().get("config") ?? null;
        if (config === null) return new Map();
        if (!(config instanceof Map))
            throw new CommandError(`could not unmarshal '${this.path}': config: expected a mapping`);
        return new Map([...(config as YamlMap)].map(([key, value]) => [fullKey(key), value]));
    }

    /** @param path below the key, for a value inside a mapping or list; the value then is typed as far as it can be */
    set(key: string, path: readonly (string | number)[], value: string | { readonly secure: string }): void {
        const config = this.document.get("config");
        if (!isMap(config)) this.document.set("config", new YAMLMap());
        const node =
            typeof value === "string"
                ? path.length > 0 && coerces(value)
                    ? this.document.createNode(value)
                    : textNode(value)
                : this.document.createNode(value);
        const place = ["config", this.writtenKey(key), ...path];
        const before = this.document.getIn(place, true);
        if (isScalar(before)) node.comment = before.comment ?? null;
        this.document.setIn(place, node);
    }

    /** The key as the file has it, maybe in its old form PROJECT:config:NAME. */
    private writtenKey(key: string): string {
        const config = this.content().get("config");
        const written = config instanceof Map ? [...(config as YamlMap).keys()] : [];
        return written.find((k) => fullKey(k) === key) ?? key;
    }

    save(): void {
        mkdirSync(dirname(this.path), { recursive: true });
        const temporary = `${this.path}.${process.pid.toString()}.tmp`;
        writeFileSync(temporary, this.document.toString({ lineWidth: 0 }));
        renameSync(temporary, this.path);
    }
}

/** @throws CommandError */
export function fullKey(key: string): string {
    const parts = key.split(":");
    if (parts.length === 3 && parts[1] === "config") return `${parts[0] ?? ""}:${parts[2] ?? ""}`;
    if (parts.length === 2) return key;
    throw new CommandError(
        `could not parse ${key} as a configuration key (configuration keys should be of the form \`<namespace>:<name>\`)`,
    );
}

function coerces(value: string): boolean {
    return value === "true" || value === "false" || /^-?(?:0|[1-9]\d*)$/.test(value);
}

function securePart(value: ConfigValue): string | undefined {
    if (!(value instanceof Map) || value.size !== 1) return undefined;
    const secure = (value as YamlMap).get("secure");
    return typeof secure === "string" ? secure : undefined;
}

export function isSecret(value: ConfigValue): boolean {
    if (securePart(value) !== undefined) return true;
    if (Array.isArray(value)) return value.some(isSecret);
    return value instanceof Map && [...(value as YamlMap).values()].some(isSecret);
}

/** The text a program gets: a string as it is, everything else as JSON. @param open decrypts or hides a ciphertext */
export function plainConfig(value: ConfigValue, open: (ciphertext: string) => string): PlainConfig {
    const plain = toPlain(value, open);
    return { text: typeof plain === "string" ? plain : goJson(plain, { html: true }), secret: isSecret(value) };
}

/** The value as JSON, ciphertexts as they are, for the history file. */
export function storedConfig(value: ConfigValue): unknown {
    if (value instanceof Map || Array.isArray(value)) return toPlain(value, undefined);
    return typeof value === "string" ? value : JSON.stringify(value);
}

function toPlain(value: ConfigValue, open: ((ciphertext: string) => string) | undefined): unknown {
    const secure = open === undefined ? undefined : securePart(value);
    if (secure !== undefined && open !== undefined) return open(secure);
    if (Array.isArray(value)) return value.map((e: ConfigValue) => toPlain(e, open));
    if (!(value instanceof Map)) return value;
    const entries = [...(value as YamlMap)].sort(([a], [b]) => compareBytes(a, b));
    return Object.fromEntries(entries.map(([key, element]) => [key, toPlain(element, open)]));
}

/** All values in clear. @throws CommandError if a secret does not decrypt */
export function decryptConfig(
    config: ReadonlyMap<string, ConfigValue>,
    crypter: Pick<Crypter, "decrypt">,
): ReadonlyMap<string, PlainConfig> {
    return new Map([...config].map(([key, value]) => [key, plainConfig(value, (text) => crypter.decrypt(text))]));
}
