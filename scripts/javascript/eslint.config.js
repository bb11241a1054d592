// What eslint checks in our JavaScript. `make lint` runs it from the root of the repository.
// eslint 10 would need Node 20.19, which Debian 12 does not have.

import js from "@eslint/js";
import globals from "globals";

const rules = {
  "array-callback-return": "error",
  curly: ["error", "multi-line"],
  "default-case-last": "error",
  eqeqeq: "error",
  "no-constructor-return": "error",
  "no-else-return": "error",
  "no-implicit-coercion": "error",
  "no-loop-func": "error",
  "no-self-compare": "error",
  "no-shadow": ["error", { hoist: "functions" }],
  "no-template-curly-in-string": "error",
  "no-throw-literal": "error",
  "no-unneeded-ternary": "error",
  "no-unused-expressions": "error",
  "no-unused-vars": ["error", { argsIgnorePattern: "^_" }],
  "no-useless-return": "error",
  "no-var": "error",
  "object-shorthand": "error",
  "prefer-arrow-callback": "error",
  "prefer-const": "error",
  "prefer-rest-params": "error",
  "prefer-spread": "error",
  // Every window has these names. Where one is meant, window.name says so; without that it is a slip.
  "no-restricted-globals": [
    "error",
    ...["close", "event", "find", "history", "length", "location", "name"],
    ...["open", "origin", "parent", "status", "stop", "top"],
  ],
};

export default [
  js.configs.recommended,
  { linterOptions: { reportUnusedDisableDirectives: "error" }, rules },
  { files: ["**/*.js"], languageOptions: { sourceType: "script", globals: globals.browser } },
  { files: ["scripts/javascript/*.js"], languageOptions: { sourceType: "module", globals: globals.node } },
  {
    // The parts of one script: eslint sees one part at a time, so it cannot know what the others declare or use.
    // `make types` knows all of them and finds names that nobody declares.
    files: ["worker/helios_worker/capture/clock/*.js"],
    rules: { "no-undef": "off", "no-unused-vars": ["error", { argsIgnorePattern: "^_", vars: "local" }] },
  },
];
