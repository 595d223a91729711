import type { Node } from "libpg-query";
import type { JudgeContext } from "./context";
import { as, strings, walk, textOf } from "../nodes";
import { parseSearchPath } from "./search-path";

/** SET, RESET: of them, search_path and the role matter. */
export function setVariable(context: JudgeContext, body: Record<string, unknown>): void {
    const { path } = context.model;
    const name = textOf(body["name"]).toLowerCase();
    const values = ((body["args"] ?? []) as Node[]).map(
        (n) => as<{ sval?: { sval?: string } }>(n, "A_Const")?.sval?.sval,
    );
    switch (body["kind"]) {
        case "VAR_RESET_ALL":
            return path.reset();
        case "VAR_RESET":
        case "VAR_SET_DEFAULT":
            if (name === "search_path") path.reset();
            else if (isRole(name)) path.resetUser();
            return;
        case "VAR_SET_VALUE":
            if (name === "search_path")
                path.set(
                    values.flatMap((v) => v ?? []),
                    body["is_local"] === true,
                );
            else if (isRole(name)) path.setUser(values[0] === "none" ? undefined : values[0]);
            return;
        default:
    }
}

function isRole(name: string): boolean {
    return name === "role" || name === "session_authorization";
}

/** `SELECT set_config('search_path', …)`, as pg_dump writes it. */
export function setConfig(context: JudgeContext, tree: unknown): void {
    walk(tree, (type, body) => {
        if (type !== "FuncCall" || strings(body["funcname"] as Node[]).at(-1) !== "set_config") return;
        const [name, value, isLocal] = ((body["args"] ?? []) as Node[]).map((n) =>
            as<{ sval?: { sval?: string }; boolval?: { boolval?: boolean } }>(n, "A_Const"),
        );
        const variable = name?.sval?.sval?.toLowerCase();
        if (variable === "search_path" && value?.sval !== undefined)
            context.model.path.set(parseSearchPath(value.sval.sval ?? ""), isLocal?.boolval?.boolval === true);
        else if (variable === undefined || variable === "search_path") context.unsure("the search_path is computed");
    });
}

/** Savepoints of the step, with the way back to each. */
export class Savepoints {
    private readonly saved: { readonly name: string; readonly restore: () => void }[] = [];

    /** SAVEPOINT, RELEASE, ROLLBACK TO. */
    transaction(context: JudgeContext, body: Record<string, unknown>): void {
        const name = textOf(body["savepoint_name"]);
        const at = this.saved.findLastIndex((s) => s.name === name);
        switch (body["kind"]) {
            case "TRANS_STMT_SAVEPOINT":
                this.saved.push({ name, restore: context.save() });
                return;
            case "TRANS_STMT_RELEASE":
                if (at === -1) context.unsure(`savepoint ${name} is not known`);
                else this.saved.length = at;
                return;
            case "TRANS_STMT_ROLLBACK_TO":
                if (at === -1) return context.unsure(`savepoint ${name} is not known`);
                this.saved.length = at + 1;
                this.saved[at]?.restore();
                return;
            default:
        }
    }
}
