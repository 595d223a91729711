// Decides what becomes of each resource the program asks for (pkg/resource/deploy/step_generator.go).

import { aliasUrns } from "./aliases";
import type { Snapshot } from "./checkpoint";
import { CommandError, Reported } from "./errors";
import type { Events } from "./events";
import { goFormat } from "./go-format";
import type { Goal } from "./goal";
import { dependentsOf } from "./graph";
import { differenceOf, resourceDifference, type Difference } from "./differ";
import { ignoringChanges } from "./property-path";
import { keepCiphertexts, noProperties, unknown, type PropertyMap } from "./properties";
import type { CheckResult, DynamicProvider } from "./provider";
import type { ResourceState } from "./state";
import { makeStep, type Registered, type Step } from "./steps";
import { isProviderType, makeUrn, nameOf, qualifiedTypeOf, type Urn } from "./urn";

export interface GeneratorContext {
    readonly project: string;
    readonly stack: string;
    readonly dryRun: boolean;
    /** The state before the update. */
    readonly base: Snapshot;
    readonly provider: DynamicProvider;
    readonly events: Events;
}

type Done = (registered: Registered) => void;

export class StepGenerator {
    /** Something was wrong that did not stop the preview. */
    sawError = false;
    private readonly olds: ReadonlyMap<Urn, ResourceState>;
    private readonly urns = new Set<Urn>();
    /** URNs that were operated on, apart from creates, which cannot be in the old state. */
    private readonly operated = new Set<Urn>();
    private readonly created = new Set<Urn>();
    private readonly deleted = new Set<Urn>();
    /** States for which a delete was decided already. */
    private readonly pendingDeletes = new Set<ResourceState>();
    /** Old URNs by new ones, and new by old, of resources found under an alias. */
    private readonly oldUrns = new Map<Urn, Urn>();
    private readonly newUrns = new Map<Urn, Urn>();
    /** Why a resource was deleted because of what it needs. */
    private readonly replaceKeys = new Map<Urn, readonly string[]>();

    constructor(private readonly context: GeneratorContext) {
        this.olds = new Map(context.base.resources.filter((s) => !s.delete).map((s) => [s.urn, s]));
    }

    /** @throws Reported or CommandError if the update cannot go on */
    async stepsFor(goal: Goal, done: Done): Promise<Step[]> {
        if (goal.parent !== "" && !this.urns.has(goal.parent))
            throw new CommandError(`could not find parent resource ${goal.parent}`);
        const { stack, project } = this.context;
        const parentType = goal.parent === "" ? "" : qualifiedTypeOf(goal.parent);
        const urn = makeUrn(stack, project, parentType, goal.type, goal.name);
        if (this.urns.has(urn)) throw this.report(urn, `Duplicate resource URN '${urn}'; try giving it a unique name`);
        this.urns.add(urn);
        const { old, alias, invalid } = this.findOld(urn, goal);
        const state = newState(urn, goal, old, alias);
        // Deleted earlier in this update, because something it needs was going to be replaced: its old inputs are void.
        const recreating = this.deleted.has(urn);
        const before = recreating ? undefined : old;
        const kept = before === undefined ? goal.inputs : this.ignoreChanges(urn, goal, before);
        const checked = await this.check(state, before?.inputs, kept, goal, invalid);
        // A component keeps what the program said, also where changes are ignored.
        if (goal.custom) state.inputs = checked;
        if (old !== undefined) keepCiphertexts(old.inputs, state.inputs);
        if (recreating && old !== undefined) return this.recreate(urn, old, state, done);
        if (old === undefined) {
            this.created.add(urn);
            return [makeStep({ op: "create", new: state, done })];
        }
        return this.change(goal, old, state, await differenceOf(old, goal, checked, this.context.provider), done);
    }

    private recreate(urn: Urn, old: ResourceState, state: ResourceState, done: Done): Step[] {
        this.deleted.delete(urn);
        this.operated.add(urn);
        const keys = this.replaceKeys.get(urn);
        return [
            makeStep({ op: "replace", old, new: state }),
            makeStep({ op: "create-replacement", old, new: state, keys, done }),
        ];
    }

    private async change(
        goal: Goal,
        old: ResourceState,
        state: ResourceState,
        difference: Difference,
        done: Done,
    ): Promise<Step[]> {
        const { changed, replaces, changes } = difference;
        this.operated.add(state.urn);
        if ((changed && replaces.length > 0) || old.pendingReplacement)
            return this.replace(goal, old, state, difference, done);
        // After a failure that left something half made the provider gets another go, changes or not.
        if (changed || old.initErrors.length > 0) return [makeStep({ op: "update", old, new: state, changes, done })];
        return [makeStep({ op: "same", old, new: state, done })];
    }

    private async replace(
        goal: Goal,
        old: ResourceState,
        state: ResourceState,
        { replaces: keys, changes, deleteBeforeReplace }: Difference,
        done: Done,
    ): Promise<Step[]> {
        const { urn } = state;
        if (state.protect && old.protect) this.refuseReplacement(urn);
        // The defaults carried over from the old inputs do not hold for a new resource.
        state.inputs = await this.check(state, undefined, goal.inputs, goal, false);
        const create = { op: "create-replacement", old, new: state, keys, changes, done } as const;
        const replace = { op: "replace", old, new: state, keys, changes } as const;
        if (!(goal.deleteBeforeReplace ?? deleteBeforeReplace))
            return [makeStep({ ...create, pendingDelete: true }), makeStep(replace)];
        const deletes = await this.deleteDependents(old);
        if (!old.pendingReplacement) {
            this.deleted.add(old.urn);
            deletes.push(makeStep({ op: "delete-replaced", old, pendingReplacement: true }));
        }
        return [...deletes, makeStep(replace), makeStep(create)];
    }

    /** Whatever would be replaced when this resource is, goes before it. */
    private async deleteDependents(root: ResourceState): Promise<Step[]> {
        const steps: Step[] = [];
        const replaced = new Set([root.urn]);
        const registered = (urn: Urn): boolean =>
            this.operated.has(urn) || this.created.has(urn) || this.deleted.has(urn);
        for (const dependent of dependentsOf(root, this.context.base.resources, registered)) {
            const keys = await this.forcedReplacement(dependent, replaced);
            if (keys === undefined) continue;
            replaced.add(dependent.urn);
            if (this.pendingDeletes.has(dependent)) continue;
            this.replaceKeys.set(dependent.urn, keys);
            if (dependent.protect && !dependent.delete) throw this.refuseDependent(root.urn, dependent.urn);
            steps.unshift(
                dependent.delete
                    ? makeStep({ op: "delete", old: dependent })
                    : makeStep({ op: "delete-replaced", old: dependent, pendingReplacement: true }),
            );
            this.deleted.add(dependent.urn);
            this.pendingDeletes.add(dependent);
        }
        return steps;
    }

    /** Asks the provider what would be if the values that come from replaced resources changed. */
    private async forcedReplacement(
        state: ResourceState,
        replaced: ReadonlySet<Urn>,
    ): Promise<readonly string[] | undefined> {
        if (!state.custom || isProviderType(state.type)) return undefined;
        const depends = (key: string): boolean =>
            (state.propertyDependencies.get(key) ?? []).some((urn) => replaced.has(urn));
        const inputs = new Map([...state.inputs].map(([key, value]) => [key, depends(key) ? unknown : value]));
        if (![...inputs.keys()].some(depends)) return undefined;
        const { replaces } = await resourceDifference(state, inputs, state.ignoreChanges, this.context.provider);
        return replaces.length > 0 ? replaces : undefined;
    }

    /** Steps for what the program no longer asks for, and for what replacements left to delete. */
    deletes(): Step[] {
        return this.context.base.resources.flatMap((state) => {
            if (state.delete) {
                if (this.pendingDeletes.has(state)) return [];
                return [makeStep({ op: "delete-replaced", old: state })];
            }
            if (this.operated.has(this.newUrns.get(state.urn) ?? state.urn)) return [];
            return [makeStep({ op: state.pendingReplacement ? "remove-pending-replace" : "delete", old: state })];
        });
    }

    private findOld(
        urn: Urn,
        goal: Goal,
    ): { readonly old: ResourceState | undefined; readonly alias: Urn | undefined; readonly invalid: boolean } {
        const { stack, project } = this.context;
        let invalid = false;
        const claimed = this.newUrns.get(urn);
        if (claimed !== undefined) {
            invalid = true;
            this.error(urn, `Duplicate resource URN '${urn}' conflicting with alias on resource with URN '${claimed}'`);
        }
        const names = [urn, ...aliasUrns(goal, { stack, project, found: this.oldUrns })];
        const name = names.find((n) => this.olds.has(n));
        if (name === undefined || name === urn) return { old: this.olds.get(urn), alias: undefined, invalid };
        const other = this.urns.has(name) ? urn : this.newUrns.get(name);
        if (other !== undefined) {
            invalid = true;
            this.error(
                urn,
                `Duplicate resource alias '${name}' applied to resource with URN '${urn}' conflicting with resource with URN '${other}'`,
            );
        }
        this.newUrns.set(name, urn);
        this.oldUrns.set(urn, name);
        return { old: this.olds.get(name), alias: name, invalid };
    }

    private ignoreChanges(urn: Urn, goal: Goal, old: ResourceState): PropertyMap {
        const { inputs, impossible } = ignoringChanges(goal.inputs, old.inputs, goal.ignoreChanges);
        if (impossible.length > 0) {
            const paths = JSON.stringify(impossible.join(", "));
            this.context.events.diagnostic(
                "info",
                `cannot ignore changes in added or removed elements of the path: ${paths}`,
                { urn },
            );
        }
        return inputs;
    }

    /** @throws Reported if the provider refuses */
    private async check(
        state: ResourceState,
        olds: PropertyMap | undefined,
        news: PropertyMap,
        goal: Goal,
        invalid: boolean,
    ): Promise<PropertyMap> {
        const resource = goal.custom && !isProviderType(goal.type);
        const result: CheckResult = resource
            ? await this.context.provider.check(state.urn, olds ?? noProperties, news)
            : { inputs: news, failures: [] };
        for (const { property, reason } of result.failures) {
            const what = `${goal.type} resource '${nameOf(state.urn)}'`;
            const value =
                property === "" ? "" : `: property ${property} value ${goFormat(goal.inputs.get(property) ?? null)}`;
            this.error(state.urn, `${what}${value} has a problem: ${reason}`);
        }
        if (invalid || result.failures.length > 0) throw new Reported();
        return result.inputs;
    }

    /** In a preview the rest is shown as well, in an update nothing more is done. */
    private refuseReplacement(urn: Urn): void {
        const refusal = this.report(
            urn,
            `unable to replace resource "${urn}"\nas it is currently marked for protection. To unprotect the resource, ` +
                "remove the `protect` flag from the resource in your Pulumi program and run `pulumi up`",
        );
        if (!this.context.dryRun) throw refusal;
    }

    private refuseDependent(root: Urn, dependent: Urn): Reported {
        return this.report(
            root,
            `unable to replace resource "${dependent}" as part of replacing "${root}" as it is currently marked for ` +
                "protection. To unprotect the resource, remove the `protect` flag from the resource in your Pulumi " +
                `program and run \`pulumi up\`, or use the command:\n\`pulumi state unprotect '${dependent}'\``,
        );
    }

    private report(urn: Urn, message: string): Reported {
        this.error(urn, message);
        this.sawError = true;
        return new Reported();
    }

    private error(urn: Urn, message: string): void {
        this.context.events.diagnostic("error", message, { urn });
    }
}

function newState(urn: Urn, goal: Goal, old: ResourceState | undefined, alias: Urn | undefined): ResourceState {
    return {
        urn,
        type: goal.type,
        custom: goal.custom,
        delete: false,
        pendingReplacement: false,
        id: "",
        inputs: goal.inputs,
        outputs: undefined,
        parent: goal.parent,
        protect: goal.protect ?? false,
        retainOnDelete: goal.retainOnDelete ?? false,
        dependencies: goal.dependencies,
        propertyDependencies: goal.propertyDependencies,
        initErrors: [],
        provider: goal.provider,
        additionalSecretOutputs: goal.additionalSecretOutputs,
        aliases: alias === undefined ? [] : [alias],
        customTimeouts: goal.customTimeouts,
        ignoreChanges: goal.ignoreChanges,
        created: old?.created,
        modified: old?.modified,
        sourcePosition: goal.sourcePosition,
        stackTrace: goal.stackTrace,
    };
}
