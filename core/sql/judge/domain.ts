import type { Node } from "libpg-query";
import type { IdentifiedObject } from "../catalog";
import { parseColumn, withParts } from "../column-definition";
import { quoteIdentifier, unquote, writtenName, type TypeName } from "../identifiers";
import { as, strings, textOf } from "../nodes";
import { constraintsOf, type Constraint } from "./constraint";
import type { JudgeContext } from "./context";
import { addType } from "./type";

/** CREATE DOMAIN. */
export function createDomain(context: JudgeContext, body: Record<string, unknown>): void {
    const constraints = constraintsOf(body["constraints"] as Node[] | undefined);
    const names = strings(body["domainname"] as Node[]);
    const has = (type: string): boolean => constraints.some(({ contype }) => contype === type);
    const collation = strings((body["collClause"] as { collname?: Node[] } | undefined)?.collname);
    const taken: string[] = [];
    const checks = constraints.filter(({ contype }) => contype === "CONSTR_CHECK");
    const texts = checks.map((check) => {
        const name = check.conname ?? domainConstraintName(names.at(-1) ?? "", taken);
        taken.push(name);
        return `CONSTRAINT ${quoteIdentifier(name)} CHECK (…)`;
    });
    const definition = [
        context.typeText(body["typeName"] as TypeName),
        ...(collation.length === 0 ? [] : [`COLLATE ${collation.map(quoteIdentifier).join(".")}`]),
        ...(has("CONSTR_NOTNULL") ? ["NOT NULL"] : []),
        ...(has("CONSTR_DEFAULT") ? ["DEFAULT …"] : []),
        ...texts.sort(),
    ].join(" ");
    const domain = addType(context, "domain", names, definition);
    if (domain === undefined) return;
    context.needs(domain, [
        body["typeName"],
        body["collClause"],
        constraints.filter((c) => c.contype === "CONSTR_DEFAULT"),
    ]);
    checks.forEach((check, i) => {
        linkDomainConstraint(context, domain, taken[i] ?? "", check);
    });
}

function domainConstraintName(domain: string, taken: readonly string[]): string {
    for (let n = 0; ; n++) {
        const name = `${domain}_check${n === 0 ? "" : String(n)}`;
        if (!taken.includes(name)) return name;
    }
}

/** A domain's CHECK is an inner part of it, which needs what it calls. */
function linkDomainConstraint(context: JudgeContext, domain: IdentifiedObject, name: string, check: Constraint): void {
    const id = `pg_constraint/${domain.id.replaceAll("/", "-")}-${name}/0`;
    context.model.dependencies.add(id, domain.id, "a");
    context.needs({ ...domain, id }, check.raw_expr);
}

/** ALTER DOMAIN. */
export function alterDomain(context: JudgeContext, body: Record<string, unknown>): void {
    const { model } = context;
    const domain = context.lookUp(["domain"], writtenName(strings(body["typeName"] as Node[])), false);
    if (domain === undefined) return;
    const { definition } = domain;
    const head = /^(.*?)(?= CONSTRAINT |$)/s.exec(definition)?.[0] ?? definition;
    const checks = definition.slice(head.length);
    const name = textOf(body["name"]);
    const column = parseColumn(head);
    switch (body["subtype"]) {
        case "T":
            return model.change(
                domain,
                withParts(head, { value: body["def"] === undefined ? undefined : "DEFAULT …" }) + checks,
            );
        case "N":
            return model.change(domain, withParts(head, { notNull: false }) + checks);
        case "O":
            if (!column.notNull) lockUsers(context, domain);
            return model.change(domain, withParts(head, { notNull: true }) + checks);
        case "C":
            return addDomainConstraint(
                context,
                domain,
                head,
                checks,
                as<Constraint>(body["def"] as Node, "Constraint") ?? {},
            );
        case "X": {
            const found = checkPattern(name).exec(checks);
            if (found === null) {
                if (body["missing_ok"] !== true)
                    context.unsure(`constraint ${quoteIdentifier(name)} of ${domain.name} is not known`);
                return;
            }
            for (const d of [...model.dependencies.on(domain.id)])
                if (d.object.endsWith(`-${name}`)) model.dependencies.remove(`${d.object}/0`);
            return model.change(domain, head + checks.replace(found[0], ""));
        }
        case "V":
            lockUsers(context, domain);
            return model.change(
                domain,
                head + checks.replace(checkPattern(name), (text) => text.replace(/ NOT VALID$/, "")),
            );
        default:
            context.unsure("ALTER DOMAIN is not judged in this form");
    }
}

function checkPattern(name: string): RegExp {
    const escaped = quoteIdentifier(name).replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
    return new RegExp(` CONSTRAINT ${escaped} .*?(?= CONSTRAINT |$)`, "s");
}

function addDomainConstraint(
    context: JudgeContext,
    domain: IdentifiedObject,
    head: string,
    checks: string,
    constraint: Constraint,
): void {
    if (constraint.contype === "CONSTR_NOTNULL") {
        lockUsers(context, domain);
        return context.model.change(domain, withParts(head, { notNull: true }) + checks);
    }
    const taken = [...checks.matchAll(/ CONSTRAINT ("(?:[^"]|"")*"|\S+)/g)].map(([, n]) => unquote(n ?? ""));
    const name = constraint.conname ?? domainConstraintName(unquote(domain.localName), taken);
    if (taken.includes(name))
        return context.unsure(`constraint ${quoteIdentifier(name)} of ${domain.name} is there already`);
    if (constraint.skip_validation !== true) lockUsers(context, domain);
    const unchecked = constraint.skip_validation === true ? " NOT VALID" : "";
    linkDomainConstraint(context, domain, name, constraint);
    context.model.change(domain, `${head}${checks} CONSTRAINT ${quoteIdentifier(name)} CHECK (…)${unchecked}`);
}

/** A domain's new constraint is checked on every value there is. Source: get_rels_with_domain in typecmds.c. */
function lockUsers(context: JudgeContext, domain: IdentifiedObject): void {
    const { model } = context;
    const { visited } = model.dependencies.closure([domain.id], true, () => []);
    for (const id of visited) {
        const object = model.get(id);
        const table = object?.kind === "column" ? context.owner(object) : undefined;
        // Where no rows are stored none are checked.
        if (table?.storage !== null) context.lock("SHARE", table);
    }
}
