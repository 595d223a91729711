/** Kinds of database objects, in the words of PostgreSQL's own messages. */
export type ObjectKind =
    | "schema"
    | "table"
    | "partition"
    | "column"
    | "constraint"
    | "index"
    | "view"
    | "materialized view"
    | "sequence"
    | "function"
    | "procedure"
    | "aggregate"
    | "trigger"
    | "type"
    | "enum"
    | "domain"
    | "policy"
    | "rule"
    | "extension"
    | "event trigger"
    | "statistics"
    | "foreign table"
    | "publication"
    | "collation"
    | "operator"
    | "operator class"
    | "operator family"
    | "cast"
    | "text search configuration"
    | "text search dictionary"
    | "foreign data wrapper"
    | "server"
    | "language"
    | "default privileges"
    | "comment"
    | "grant";

/** An object of a catalog. */
export interface CatalogObject {
    readonly kind: ObjectKind;
    /** Schema-qualified where needed and quoted by the server, `public.` left out: `feature_flags`, `feature_flags.key`, `audit."Log"`. */
    readonly name: string;
    /** `name` of the table (view, …) that it belongs to and vanishes with; absent for independent objects. */
    readonly of?: string;
    /** Canonical definition text; two objects of one name are equal when it is. Holds no OIDs. */
    readonly definition: string;
}

export interface CatalogChange {
    readonly object: CatalogObject;
    /** The object's name in the live database when the plan begins, if it exists there (a rename may have come between). */
    readonly liveName?: string;
    /** For `changed`: the definition before. */
    readonly before?: string;
    /** For `renamed`: the name before this step. */
    readonly renamedFrom?: string;
    /** Dropped although no statement of the script names it: a victim of CASCADE, of a DO block, of an event trigger. */
    readonly victim?: boolean;
}

export interface LockTaken {
    /** `ACCESS EXCLUSIVE`, `SHARE`, … as the manual spells them. */
    readonly mode: string;
    /** The relation, named as in CatalogObject. Only relations that existed before the step. */
    readonly relation: string;
}

/** What a step does that cannot be seen. */
export interface Opaque {
    /** The script's, where the statement begins. */
    readonly line: number;
    readonly why: string;
    /** It is code that changes rows: whatever kind of statement sets it off, it is not harmless. */
    readonly mayTakeRows?: true;
}

/** What one step does to the schema. Rows are not known here: the shadow is empty. */
export interface Observation {
    /** `observed`: it ran on the shadow. `parsed`: judged from parse tree and catalog alone. `skipped`: nobody looked. */
    readonly method: "observed" | "parsed" | "skipped";
    /** Why not observed. */
    readonly reason?: string;
    readonly added: readonly CatalogChange[];
    readonly changed: readonly CatalogChange[];
    readonly renamed: readonly CatalogChange[];
    readonly dropped: readonly CatalogChange[];
    /** Strongest lock for each relation, SHARE ROW EXCLUSIVE and above first; weaker than SHARE left out. */
    readonly locks: readonly LockTaken[];
    /** Tables whose storage is rewritten (not: truncated). */
    readonly rewrites: readonly string[];
    /** Statements whose effects could not be seen whole: line and why. They count as unknown loss. */
    readonly opaque: readonly Opaque[];
    /** The script cannot succeed: PostgreSQL's own words. The plan is refused with it. */
    readonly wouldFail?: { readonly line: number; readonly sqlstate: string; readonly message: string };
}

/** One script to observe: its statements without transaction control and without replaced history writes. */
export interface ObservedStep {
    readonly label: string;
    readonly statements: readonly import("./statement").Statement[];
    /** False: the statements are run one by one, outside a transaction. */
    readonly transactional: boolean;
}

/** The session's settings that a run gives to scripts. */
export interface SessionSettings {
    readonly role?: string | undefined;
    /** Empty: the role's own. */
    readonly searchPath: readonly string[];
}
