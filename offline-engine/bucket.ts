// A folder used the way gocloud.dev/blob/fileblob uses it: every object has a file NAME.attrs beside it, and a new
// version takes the place of the old one by rename, so that a reader or a crash sees one of them whole.

import { createHash, randomUUID } from "node:crypto";
import {
    copyFileSync,
    existsSync,
    mkdirSync,
    readdirSync,
    readFileSync,
    renameSync,
    rmSync,
    writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";

const attributes = ".attrs";

export class Bucket {
    constructor(readonly dir: string) {}

    exists(key: string): boolean {
        return existsSync(join(this.dir, key));
    }

    read(key: string): string {
        return readFileSync(join(this.dir, key), "utf8");
    }

    write(key: string, content: string): void {
        const path = join(this.dir, key);
        mkdirSync(join(this.dir, ".pulumi"), { recursive: true });
        mkdirSync(dirname(path), { recursive: true });
        this.replace(path + attributes, JSON.stringify(attributesOf(content)));
        this.replace(path, content);
    }

    copy(to: string, from: string): void {
        const [target, source] = [join(this.dir, to), join(this.dir, from)];
        mkdirSync(dirname(target), { recursive: true });
        const temporary = this.temporary();
        copyFileSync(source, temporary);
        if (existsSync(source + attributes)) copyFileSync(source + attributes, target + attributes);
        renameSync(temporary, target);
    }

    /** It is no error if it is not there. */
    remove(key: string): void {
        rmSync(join(this.dir, key), { force: true });
        rmSync(join(this.dir, key + attributes), { force: true });
    }

    /** Names of the objects and folders in a folder, sorted. */
    list(folder: string): string[] {
        const path = join(this.dir, folder);
        if (!existsSync(path)) return [];
        return readdirSync(path)
            .filter((name) => !name.endsWith(attributes))
            .sort();
    }

    private replace(path: string, content: string): void {
        const temporary = this.temporary();
        writeFileSync(temporary, content);
        renameSync(temporary, path);
    }

    /** Out of the folders that are listed: another process would take it for a lock. */
    private temporary(): string {
        return join(this.dir, ".pulumi", `${randomUUID()}.tmp`);
    }
}

function attributesOf(content: string): Readonly<Record<string, unknown>> {
    return {
        "user.cache_control": "",
        "user.content_disposition": "",
        "user.content_encoding": "",
        "user.content_language": "",
        "user.content_type": "text/plain; charset=utf-8",
        "user.metadata": null,
        md5: createHash("md5").update(content).digest("base64"),
    };
}
