/** A column's definition, as the catalog puts it together, in its parts. */
export interface ColumnDefinition {
    /** `character varying(20)` */
    readonly type: string;
    readonly collation?: string;
    readonly notNull: boolean;
    /** `DEFAULT now()`, or `GENERATED ALWAYS AS (…) STORED`. */
    readonly value?: string;
    /** `GENERATED ALWAYS AS IDENTITY` */
    readonly identity?: string;
    /** STORAGE, COMPRESSION, STATISTICS, options. */
    readonly rest: string;
}

const shape =
    /^(?<type>.+?)(?: COLLATE (?<collation>"(?:[^"]|"")*"(?:\."(?:[^"]|"")*")?|\S+))?(?<notNull> NOT NULL(?: NOT VALID)?)?(?: (?<value>GENERATED ALWAYS AS \(.*\) (?:STORED|VIRTUAL)|DEFAULT .*?))?(?: (?<identity>GENERATED (?:ALWAYS|BY DEFAULT) AS IDENTITY))?(?<rest>(?: STORAGE \S+| COMPRESSION \S+| STATISTICS \d+| WITH \([^)]*\)| OPTIONS \(.*\))*)$/s;

export function parseColumn(definition: string): ColumnDefinition {
    const groups = shape.exec(definition)?.groups;
    if (groups === undefined) return { type: definition, notNull: false, rest: "" };
    const { type = definition, collation, notNull, value, identity, rest = "" } = groups;
    return {
        type,
        notNull: notNull !== undefined,
        rest,
        ...(collation === undefined ? {} : { collation }),
        ...(value === undefined ? {} : { value }),
        ...(identity === undefined ? {} : { identity }),
    };
}

export function formatColumn(column: ColumnDefinition): string {
    const { type, collation, notNull, value, identity, rest } = column;
    return (
        [
            type,
            ...(collation === undefined ? [] : [`COLLATE ${collation}`]),
            ...(notNull ? ["NOT NULL"] : []),
            ...(value === undefined ? [] : [value]),
            ...(identity === undefined ? [] : [identity]),
        ].join(" ") + rest
    );
}

/** The definition with some parts replaced; undefined takes a part out. */
export function withParts(
    definition: string,
    parts: { readonly [K in keyof ColumnDefinition]?: ColumnDefinition[K] | undefined },
): string {
    return formatColumn({ ...parseColumn(definition), ...parts } as ColumnDefinition);
}
