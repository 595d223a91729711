import { Document, isScalar, visit } from "yaml";
import {
    planningRules,
    type PolicyRule,
    rbacRules,
    roleBindingObject,
    roleObject,
    serviceAccountObject,
} from "../core/traffic/rbac";

/** Where a user writes a namespace. None can have this name: where it is forgotten, the server refuses it. */
const namespace = "NAMESPACE";

const head = `# The least rights that schemaward needs in a namespace in which it stops traffic. Written by \`npm run schemas\` from what its code asks for;
# the component TrafficAccess declares the same. Put your namespace in, and apply:
#
#   sed 's/NAMESPACE/your-namespace/' rbac.yaml | kubectl apply -f -
#
# The ServiceAccount schemaward runs migrations; schemaward-planner only previews: it reads, and changes nothing. For a user or a group in
# place of an account, write it as the RoleBinding's subject: { apiGroup: rbac.authorization.k8s.io, kind: Group, name: deployers }
#
# Workloads that labels select are looked for among all of these kinds. Where there is no KEDA, its rule does no harm.
`;

const tail = `# Where Services are led elsewhere (strategy service-selector), the rules of schemaward are these instead, and the planner's are these
# without patch:
#
`;

/** docs/kubernetes/rbac.yaml: what TrafficAccess declares, for those who apply manifests. */
export function rbacManifests(): string {
    const objects = [...accountWith("schemaward", rbacRules()), ...accountWith("schemaward-planner", planningRules())];
    const services = yaml(rbacRules(["services"]))
        .trimEnd()
        .replace(/^/gm, "# ");
    return `${head}${objects.map((object) => `---\n${yaml(object)}`).join("")}${tail}${services}\n`;
}

function accountWith(name: string, rules: PolicyRule[]): object[] {
    return [
        serviceAccountObject(namespace, name),
        roleObject(namespace, name, rules),
        roleBindingObject(namespace, name, [{ serviceAccount: name, namespace }]),
    ];
}

/** Lists of words in one line each. */
function yaml(value: unknown): string {
    const document = new Document(value, { aliasDuplicateObjects: false });
    visit(document, {
        Seq: (_, list) => {
            list.flow = list.items.every((item) => isScalar(item));
        },
    });
    return document.toString({ indent: 4, lineWidth: 0, flowCollectionPadding: false });
}
