import { kubernetesApi, kubernetesNodes } from "./kubernetes-programs";
import { awsStandIn } from "./local-moto";
import { s3Server } from "./local-s3";
import { type Capability, postgres18 } from "./prepare";

/** Everything that some suite needs besides Node and npm; the quick ones first. */
export const capabilities: readonly Capability[] = [postgres18, awsStandIn, s3Server, kubernetesApi, kubernetesNodes];
