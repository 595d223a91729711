import { openBackend, type Backend, type StackName } from "../file-backend";
import { readProject, stackFileOf, type Project } from "../project";
import { Crypter, readPassphrase } from "../secrets";
import { StackFile } from "../stack-file";
import { stackOrSelected } from "../workspace";

/** What every command on one stack needs. */
export interface StackContext {
    readonly project: Project;
    readonly backend: Backend;
    readonly stack: StackName;
}

export function openProject(): { readonly project: Project; readonly backend: Backend } {
    const project = readProject(process.cwd());
    return { project, backend: openBackend(project) };
}

/** @throws CommandError if there is no such stack */
export function openStack(name: string | undefined): StackContext {
    const { project, backend } = openProject();
    return { project, backend, stack: stackOrSelected(name, project, backend) };
}

export function readStackFile({ project, stack }: Pick<StackContext, "project" | "stack">): StackFile {
    return StackFile.read(stackFileOf(project, stack.stack));
}

/** The stack's secrets manager. A file without a salt gets one. @throws CommandError */
export async function openSecrets(file: StackFile): Promise<Crypter> {
    const passphrase = readPassphrase();
    const salt = file.salt();
    if (salt !== undefined) return Crypter.open(passphrase, salt);
    const crypter = await Crypter.create(passphrase);
    file.setSalt(crypter.salt);
    file.save();
    return crypter;
}
