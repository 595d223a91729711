// What a program asks for: a resource as it is to be.

import type { CustomTimeouts, StackFrame } from "./state";
import type { PropertyMap } from "./properties";
import type { Urn } from "./urn";

/** Another URN the resource may have in the state: given whole, or by what differs. */
export type Alias =
    | { readonly urn: Urn }
    | {
          readonly name: string;
          readonly type: string;
          readonly stack: string;
          readonly project: string;
          /** Empty for the resource's own parent; "none" for no parent. */
          readonly parent: Urn;
          readonly noParent: boolean;
      };

export interface Goal {
    readonly type: string;
    readonly name: string;
    readonly custom: boolean;
    readonly inputs: PropertyMap;
    readonly parent: Urn;
    /** Inherited from the parent if not said. */
    readonly protect: boolean | undefined;
    readonly retainOnDelete: boolean | undefined;
    readonly deleteBeforeReplace: boolean | undefined;
    readonly dependencies: readonly Urn[];
    readonly propertyDependencies: ReadonlyMap<string, readonly Urn[]>;
    /** URN and id; empty for components and for providers themselves. */
    readonly provider: string;
    readonly ignoreChanges: readonly string[];
    readonly additionalSecretOutputs: readonly string[];
    readonly aliases: readonly Alias[];
    readonly customTimeouts: CustomTimeouts | undefined;
    readonly sourcePosition: string;
    readonly stackTrace: readonly StackFrame[];
}
