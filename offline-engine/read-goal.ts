// From the SDK's RegisterResourceRequest to a goal (RegisterResource in pkg/resource/deploy/source_eval.go).

import type { Alias as WireAlias } from "@pulumi/pulumi/proto/alias_pb";
import type { RegisterResourceRequest } from "@pulumi/pulumi/proto/resource_pb";
import type { SourcePosition } from "@pulumi/pulumi/proto/source_pb";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { CommandError, unknownHere } from "./errors";
import type { Alias, Goal } from "./goal";
import { needsPlugin, type CustomTimeouts, type StackFrame } from "./state";
import { dynamicPackage, isProviderType, packageOf, type Urn } from "./urn";
import { fromStruct } from "./wire";

/** @throws CommandError naming what only the real engine knows */
export function goalOf(request: RegisterResourceRequest, projectRoot: string): Omit<Goal, "provider"> {
    refuseUnknown(request);
    const urnsInOutputs = new Map<string, Set<Urn>>();
    const inputs = fromStruct(request.getObject(), urnsInOutputs);
    const dependencies = request.getDependenciesList();
    const declared = new Map<string, readonly Urn[]>();
    request.getPropertydependenciesMap().forEach((value, key) => declared.set(key, value.getUrnsList()));
    const propertyDependencies = new Map<string, readonly Urn[]>();
    for (const key of new Set([...declared.keys(), ...inputs.keys()])) {
        const own = declared.size === 0 ? dependencies : (declared.get(key) ?? []);
        propertyDependencies.set(key, [...new Set([...own, ...(urnsInOutputs.get(key) ?? [])])]);
    }
    const deleteFirst = request.getDeletebeforereplace();
    return {
        type: request.getType(),
        name: request.getName(),
        custom: request.getCustom(),
        inputs,
        parent: request.getParent(),
        protect: request.hasProtect() ? request.getProtect() : undefined,
        retainOnDelete: request.hasRetainondelete() ? request.getRetainondelete() : undefined,
        deleteBeforeReplace: request.getDeletebeforereplacedefined() || deleteFirst ? deleteFirst : undefined,
        dependencies: [...new Set(dependencies)],
        propertyDependencies,
        ignoreChanges: request.getIgnorechangesList(),
        additionalSecretOutputs: request.getAdditionalsecretoutputsList(),
        aliases: [
            ...request.getAliasurnsList().map((urn) => ({ urn })),
            ...request.getAliasesList().map((alias) => aliasOf(alias, request.getAliasspecs())),
        ],
        customTimeouts: timeoutsOf(request),
        sourcePosition: positionOf(request.getSourceposition(), projectRoot),
        stackTrace: (request.getStacktrace()?.getFramesList() ?? []).map((frame): StackFrame => {
            const sourcePosition = positionOf(frame.getPc(), projectRoot);
            return sourcePosition === "" ? {} : { sourcePosition };
        }),
    };
}

function refuseUnknown(request: RegisterResourceRequest): void {
    const { name, type, custom } = { name: request.getName(), type: request.getType(), custom: request.getCustom() };
    const resource = `the resource ${name} (${type})`;
    if (request.getRemote() || (custom && (packageOf(type) !== dynamicPackage || isProviderType(type))))
        throw needsPlugin(resource, packageOf(type));
    const options: readonly (readonly [option: string, given: boolean])[] = [
        ["import", request.getImportid() !== ""],
        ["provider", request.getProvider() !== ""],
        ["version", request.getVersion() !== ""],
        ["pluginDownloadURL", request.getPlugindownloadurl() !== ""],
        ["packageRef", request.getPackageref() !== ""],
        ["replaceOnChanges", request.getReplaceonchangesList().length > 0],
        ["replaceWith", request.getReplaceWithList().length > 0],
        ["replacementTrigger", request.hasReplacementTrigger()],
        ["deletedWith", request.getDeletedwith() !== ""],
        ["hideDiffs", request.getHidediffsList().length > 0],
        ["transforms", request.getTransformsList().length > 0],
        ["hooks", hasHooks(request)],
        ["envVarMappings", request.getEnvvarmappingsMap().getLength() > 0],
    ];
    for (const [option, given] of options) if (given) throw unknownHere(`the resource option ${option} of ${resource}`);
}

/** The SDK always sends the message, mostly empty. */
function hasHooks(request: RegisterResourceRequest): boolean {
    return Object.values(request.getHooks()?.toObject() ?? {}).some(
        (names) => Array.isArray(names) && names.length > 0,
    );
}

/** Older Node SDKs say "no parent" the other way round (transformAliasForNodeJSCompat). */
function aliasOf(alias: WireAlias, exact: boolean): Alias {
    const spec = alias.getSpec();
    if (spec === undefined) return { urn: alias.getUrn() };
    const parent = spec.getParenturn();
    const noParent = exact ? spec.getNoparent() : parent === "" && !spec.getNoparent();
    return {
        name: spec.getName(),
        type: spec.getType(),
        stack: spec.getStack(),
        project: spec.getProject(),
        parent,
        noParent,
    };
}

function timeoutsOf(request: RegisterResourceRequest): CustomTimeouts | undefined {
    const given = Object.entries(request.getCustomtimeouts()?.toObject() ?? {}).filter(([, text]) => text !== "");
    if (given.length === 0) return undefined;
    return Object.fromEntries(given.map(([key, text]) => [key.replace("pb_delete", "delete"), seconds(text)]));
}

const unitSeconds: Readonly<Record<string, number>> = { h: 3600, m: 60, s: 1, ms: 1e-3, us: 1e-6, µs: 1e-6, ns: 1e-9 };

/** A duration as Go writes it: 1h30m. @throws CommandError */
function seconds(duration: string): number {
    const parts = [...duration.matchAll(/(\d+(?:\.\d*)?)(ms|us|µs|ns|h|m|s)/g)];
    if (parts.length === 0 || parts.map(([all]) => all).join("") !== duration)
        throw new CommandError(`unable to parse customTimeout Value ${duration}`);
    return parts.reduce((sum, [, count, unit]) => sum + Number(count) * (unitSeconds[unit ?? ""] ?? 0), 0);
}

/** project:///FILE#LINE,COLUMN, relative to the project's folder. */
function positionOf(position: SourcePosition | undefined, projectRoot: string): string {
    const uri = position?.getUri() ?? "";
    if (position === undefined || !uri.startsWith("file:")) return "";
    let path: string;
    try {
        path = relative(projectRoot, fileURLToPath(uri));
    } catch {
        return "";
    }
    const column = position.getColumn() === 0 ? "" : `,${position.getColumn().toString()}`;
    return `project:///${path.split("/").map(encodeURIComponent).join("/").replaceAll("%40", "@")}#${position.getLine().toString()}${column}`;
}
