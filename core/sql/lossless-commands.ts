import type { Node } from "libpg-query";
import { as } from "./nodes";

const losslessCommands = new Set([
    "AT_AddColumn",
    "AT_ColumnDefault",
    "AT_DropNotNull",
    "AT_SetNotNull",
    "AT_AddConstraint",
    "AT_ValidateConstraint",
    "AT_AddIdentity",
    "AT_SetStatistics",
    "AT_SetOptions",
    "AT_ResetOptions",
    "AT_SetStorage",
    "AT_SetRelOptions",
    "AT_ResetRelOptions",
    "AT_EnableRowSecurity",
    "AT_DisableRowSecurity",
    "AT_ForceRowSecurity",
    "AT_NoForceRowSecurity",
    "AT_ReplicaIdentity",
    "AT_AttachPartition",
    "AT_ChangeOwner",
    "AT_ClusterOn",
    "AT_EnableTrig",
    "AT_DisableTrig",
]);

/** Whether a part of an ALTER TABLE can never lose a row or a value. */
export function isLosslessCommand(item: Node): boolean {
    const command = as<{ subtype?: string }>(item, "AlterTableCmd");
    return losslessCommands.has(command?.subtype ?? "AT_AddColumn");
}
