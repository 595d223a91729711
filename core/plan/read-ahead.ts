import type { Client } from "pg";
import type { Database } from "../connection";
import type { Declaration } from "../declaration";
import type { Model } from "../sql/judge/model";
import type { SessionSettings } from "../sql/observation";

/**
 * Begins to read what steps will be judged by: the server works at it while scripts are read and parsed.
 * @returns to be waited for also where it turns out not to be needed
 */
export function readAhead(live: Client, database: Database, declaration: Declaration): Promise<Model> {
    const { readModel } = require("../sql/judge/model-read.js") as typeof import("../sql/judge/model-read");
    const model = readModel(live, sessionSettings(database, declaration));
    model.catch(() => undefined);
    return model;
}

/** The settings that a run gives to scripts. */
export function sessionSettings(database: Database, declaration: Declaration): SessionSettings {
    return {
        ...(database.role === undefined ? {} : { role: database.role }),
        searchPath: declaration.run.searchPath,
    };
}
