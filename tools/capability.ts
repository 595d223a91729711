/**
 * Whether something is ready for use. `absent`: the client that fetches it (Go, pip, apt-get) is not on this machine, so that
 * tests are skipped rightly. `failed`: the client is there and did not succeed.
 */
export type Prepared =
    | { readonly state: "ready" }
    | { readonly state: "absent"; readonly why: string }
    | { readonly state: "failed"; readonly why: string };

/** What tests need besides Node and npm. */
export interface Capability {
    readonly name: string;
    /** Seconds that fetching or building it may take. */
    readonly budget: number;
    /** Fetches or builds it into .cache/ where it is missing; does nothing twice. */
    readonly prepare: () => Prepared | Promise<Prepared>;
}

export const ready: Prepared = { state: "ready" };
