import type { Node } from "libpg-query";

/** One sub-command of ALTER TABLE. */
export interface AlterCommand {
    readonly subtype?: string;
    readonly name?: string;
    readonly num?: number;
    readonly def?: Node;
    readonly newowner?: { readonly rolename?: string; readonly roletype?: string };
    readonly behavior?: string;
    readonly missing_ok?: boolean;
}
