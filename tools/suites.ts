import type { Capability } from "./capability";
import { kubernetesNodes } from "./kubernetes-programs";
import { awsStandIn } from "./local-moto";
import { s3Server } from "./local-s3";
import { pgbouncer, postgres18 } from "./prepare";
import { realEngine } from "./user-project";

/** A folder of test/, run as a mocha process of its own. */
export interface Suite {
    readonly name: string;
    /** Seconds on two cores; taking longer is a fault, twice as long ends it. */
    readonly budget: number;
    readonly needs: readonly Capability[];
    /** Whether no other suite runs beside it: it holds time against time. */
    readonly alone?: boolean;
}

/** Cheap ones first: what is wrong is seen early. */
export const suites: readonly Suite[] = [
    { name: "quality", budget: 320, needs: [] },
    { name: "migrations", budget: 20, needs: [] },
    { name: "stacks", budget: 90, needs: [] },
    { name: "plan", budget: 600, needs: [postgres18] },
    { name: "sql", budget: 360, needs: [postgres18] },
    { name: "history", budget: 60, needs: [] },
    { name: "run", budget: 480, needs: [postgres18, pgbouncer] },
    { name: "snapshots", budget: 360, needs: [s3Server] },
    { name: "restore", budget: 300, needs: [postgres18] },
    { name: "examples", budget: 180, needs: [] },
    { name: "cli", budget: 200, needs: [] },
    { name: "offline-engine", budget: 360, needs: [] },
    { name: "traffic", budget: 600, needs: [kubernetesNodes, pgbouncer], alone: true },
    { name: "faults", budget: 600, needs: [kubernetesNodes], alone: true },
    // On the real CLI as well where there is one, which takes longer than the stand-in.
    { name: "e2e", budget: realEngine() === undefined ? 1800 : 3600, needs: [kubernetesNodes] },
    { name: "declarations", budget: 240, needs: [awsStandIn, s3Server, kubernetesNodes] },
];

/** What these suites need, each once. */
export function capabilitiesOf(chosen: readonly Suite[]): Capability[] {
    return [...new Set(chosen.flatMap((s) => s.needs))];
}
