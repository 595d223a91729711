// The JSON document of a preview (ShowPreviewDigest in pkg/backend/display/json.go).

import type { EngineEvent, StepView } from "../events";
import { goJson } from "../go-json";
import { pathText } from "../property-diff";
import { compareBytes, mapSecretsIn } from "../properties";
import { resourceToStored, type ResourceState } from "../state";
import { isRootStack } from "../urn";
import { isShownOnce, type Display, type DisplayOptions } from "./display";

const second = 1_000_000_000;

export class PreviewDigest implements Display {
    private readonly steps: unknown[] = [];
    private readonly diagnostics: unknown[] = [];
    private duration = 0;
    private summary: Record<string, number> = {};

    /** @param config full keys and values, secrets hidden */
    constructor(
        private readonly config: ReadonlyMap<string, string>,
        private readonly options: Pick<DisplayOptions, "stdout">,
    ) {}

    show(event: EngineEvent): void {
        switch (event.kind) {
            case "start":
                if (isShownOnce(event.step) || isRootStack(event.step.urn)) this.steps.push(stepOf(event.step));
                break;
            case "diagnostic": {
                const { urn, severity, message, ephemeral } = event.diagnostic;
                if (ephemeral || severity === "debug") break;
                const prefix = severity === "error" || severity === "warning" ? `${severity}: ` : "";
                this.diagnostics.push({ ...(urn === "" ? {} : { urn }), message: prefix + message, severity });
                break;
            }
            case "message":
                this.diagnostics.push({ message: event.text, severity: "info" });
                break;
            case "summary":
                this.duration = Math.round(event.seconds * second);
                this.summary = Object.fromEntries([...event.changes].sort(([a], [b]) => compareBytes(a, b)));
                break;
            case "outputs":
            case "failed":
                break;
        }
    }

    end(): void {
        const config = [...this.config].sort(([a], [b]) => compareBytes(a, b));
        const digest = {
            ...(config.length === 0 ? {} : { config: Object.fromEntries(config) }),
            ...(this.steps.length === 0 ? {} : { steps: this.steps }),
            ...(this.diagnostics.length === 0 ? {} : { diagnostics: this.diagnostics }),
            ...(this.duration === 0 ? {} : { duration: this.duration }),
            ...(Object.keys(this.summary).length === 0 ? {} : { changeSummary: this.summary }),
        };
        this.options.stdout(`${goJson(digest, { indent: 4, html: true })}\n`);
    }
}

function stepOf({ op, urn, old, new: state, keys, changes }: StepView): unknown {
    const provider = (state ?? old)?.provider ?? "";
    const reasons = [...new Set((changes ?? []).map(({ path }) => String(path[0])))].sort(compareBytes);
    const detailed = [...(changes ?? [])].map(({ path, kind }) => [pathText(path), { kind, inputDiff: true }] as const);
    return {
        op,
        urn,
        ...(provider === "" ? {} : { provider }),
        ...(old === undefined ? {} : { oldState: storedOf(old) }),
        ...(state === undefined ? {} : { newState: storedOf(state) }),
        ...(reasons.length === 0 ? {} : { diffReasons: reasons }),
        ...(keys.length === 0 ? {} : { replaceReasons: keys }),
        detailedDiff:
            changes === undefined ? null : Object.fromEntries(detailed.sort(([a], [b]) => compareBytes(a, b))),
    };
}

function storedOf(state: ResourceState): unknown {
    const open = (map: ResourceState["inputs"]): ResourceState["inputs"] =>
        mapSecretsIn(map, (secret) => secret.element);
    return resourceToStored(
        {
            ...state,
            inputs: open(state.inputs),
            outputs: state.outputs === undefined ? undefined : open(state.outputs),
        },
        () => "[secret]",
    );
}
