import { Backend } from "./backend";
import type { ControlPlane } from "./control-plane";
import type { TestServer } from "./postgres";
import { type Engine, PulumiProject } from "./pulumi";

/** A stack of an engine, at 003 and declared to go back to 001, for which an application's traffic has to be stopped. */
export async function startGoingBack(
    plane: ControlPlane,
    server: TestServer,
    engine: Engine,
): Promise<{ readonly project: PulumiProject; readonly backend: Backend }> {
    const project = new PulumiProject(server, await server.create());
    const [backend] = await Promise.all([Backend.start(plane, server, project), project.init(engine)]);
    project.env = { ...project.env, KUBECONFIG: plane.kubernetes.kubeconfig("admin") };
    project.set({
        version: "001",
        traffic: { namespace: backend.namespace, selector: "tier=backend", drainSeconds: 20 },
    });
    return { project, backend };
}
