import type { KubernetesObject } from "./cluster";

/** An application that runs, or would start. */
export interface RunningApp {
    /** For people: `api`. */
    readonly workload: string;
    /** Its version, as its pods' template says; null: it does not say, or says two things. */
    readonly version: string | null;
    /** Why it is null, or what it was read from, for people. */
    readonly told: string;
}

/** Kubernetes' recommended label for an application's version. Source: kubernetes.io, "Recommended Labels". */
export const versionLabel = "app.kubernetes.io/version";

interface Template {
    readonly metadata?: { readonly labels?: Readonly<Record<string, string>> };
    readonly spec?: { readonly containers?: readonly { readonly name?: string; readonly image?: string }[] };
}

/**
 * Which version of the application pods of a template would run: what its label says, else the tag of its first container's image. Where
 * both are versions and differ, neither is believed.
 * @param object with a pod template at `spec.template`, or a pod itself
 */
export function runningApp(workload: string, object: KubernetesObject): RunningApp {
    const template = (object.spec?.["template"] ?? object) as Template;
    const label = template.metadata?.labels?.[versionLabel];
    const image = template.spec?.containers?.[0]?.image;
    const tag = image === undefined ? undefined : tagOf(image);
    const fromTag = tag === undefined ? undefined : versionIn(tag);
    if (label !== undefined) {
        const fromLabel = versionIn(label);
        if (fromLabel !== undefined && fromTag !== undefined && release(fromLabel) !== release(fromTag))
            return { workload, version: null, told: `its label says ${label}, its image ${tag ?? ""}` };
        if (fromLabel !== undefined) return { workload, version: fromLabel, told: `label ${versionLabel}` };
    }
    if (fromTag !== undefined) return { workload, version: fromTag, told: "image tag" };
    if (image === undefined) return { workload, version: null, told: "it has no pod template that names an image" };
    return {
        workload,
        version: null,
        told: `neither label ${versionLabel} nor the image's tag (${tag ?? "none"}) is a version`,
    };
}

/** `registry:5000/team/api:1.3.0@sha256:…` → `1.3.0` */
function tagOf(image: string): string | undefined {
    const [named = ""] = image.split("@");
    return /:([^/:]+)$/.exec(named)?.[1];
}

/** A semantic version of three numbers, with what follows; a leading `v` is no part of it. */
function versionIn(text: string): string | undefined {
    return /^v?(\d+\.\d+\.\d+(?:[-+][0-9A-Za-z.+-]+)?)$/.exec(text)?.[1];
}

function release(version: string): string {
    return /^\d+\.\d+\.\d+/.exec(version)?.[0] ?? version;
}
