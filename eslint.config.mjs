import js from "@eslint/js";
import tseslint from "typescript-eslint";

export default tseslint.config(
    { ignores: ["dist/", "node_modules/", ".cache/", "test/fixtures/"] },
    js.configs.recommended,
    {
        files: ["**/*.ts"],
        extends: [...tseslint.configs.strictTypeChecked, ...tseslint.configs.stylisticTypeChecked],
        languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
        rules: {
            "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
            "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
            "@typescript-eslint/no-unnecessary-condition": "error",
            "@typescript-eslint/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],
            "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreVoidReturningFunctions: true }],
            // PostgreSQL counts code points, and so does a spread.
            "@typescript-eslint/no-misused-spread": "off",
            // A parse tree's node is read as what its key says it is.
            "@typescript-eslint/no-unnecessary-type-parameters": "off",
            "@typescript-eslint/non-nullable-type-assertion-style": "off",
            // An index signature's member is read in brackets, so that a misspelt name is not taken for a declared one.
            "@typescript-eslint/dot-notation": "off",
            // What few commands need is loaded by those; by require, since the first import() sets up Node's other module loader.
            "@typescript-eslint/no-require-imports": "off",
            "no-restricted-syntax": [
                "error",
                { selector: "TSEnumDeclaration", message: "Write a union of literals." },
                { selector: "ExportAllDeclaration", message: "Name what is exported." },
            ],
        },
    },
    {
        files: ["test/**/*.ts"],
        rules: {
            // mocha's this, and node:assert's promises inside describe.
            "@typescript-eslint/no-floating-promises": "error",
            "@typescript-eslint/no-unsafe-assignment": "off",
            "@typescript-eslint/no-unsafe-member-access": "off",
            "@typescript-eslint/no-unsafe-argument": "off",
        },
    },
    {
        files: ["**/*.mjs"],
        languageOptions: { globals: { process: "readonly", console: "readonly", URL: "readonly" } },
    },
);
