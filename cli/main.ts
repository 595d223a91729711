#!/usr/bin/env node
import { openBundle } from "./bundle";

// A URL given with --url may hold a password; this takes it out of the process list.
process.title = "schemaward";

const bundle = openBundle(__dirname);
if (bundle === undefined) require("./program.js");
else bundle.run(require);
