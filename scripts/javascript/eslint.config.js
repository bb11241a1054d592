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

// Code that asks what a page can redefine: see primordials.js. Methods of a page's or the browser's objects are called
// through what was taken while the realm was new.
const OURS = [
  ...["kernel", "realm", "queue", "driver", "steps", "native", "browser", "playback", "elements", "pictures", "state"],
  ...["frames", "idle", "anchors", "closedRoots", "shadowRoots", "svgs", "detached", "origins", "players", "known", "byId", "waiting"],
  ...["events", "sources", "roster", "loading", "faults", "listeners", "guarded", "types", "byAddress", "sought", "found", "promise"],
  ...["running", "callbacks", "moved", "awaited", "changedRoots", "warned", "seen", "smoothed", "timer", "collection"],
  ...["work", "flights", "flight", "counts", "scripted", "streams", "accounts", "suspended", "files", "revoked", "blocked"],
  ...["dormant", "queries", "sharedPorts"],
  ...["drawn", "hidden", "placed", "begun", "untold", "scroll"],
  ...["watched", "handled", "drawings", "closedInside", "timelines", "readSheets"],
  ...["readings", "automated", "plainEffects", "holders", "chosen", "lately"],
  ...["clips", "adapters", "registered", "starts", "inWork", "mounted", "locations", "part"],
  ...["sounds", "heard", "open", "madeFiles", "audio", "byContext", "nativeAudio", "routes", "route", "decoded", "helios", "clock", "inputsOf", "inputs", "linksOf"],
  ...["errorsHeard", "loadsHeard", "failures", "loaded", "roots", "closed", "texts"],
].join("|");
const CALL = 'CallExpression[callee.type="MemberExpression"]';
const outOfReach = [
  ["ForOfStatement", "for-of asks the page's iterators: count an index, or use forEach() of a SafeMap or SafeSet."],
  ["SpreadElement[parent.type!='ObjectExpression']", "Spread asks the page's iterators: use list() and append()."],
  ["ArrayPattern", "Taking a list apart asks the page's iterators: use its indices."],
  ["YieldExpression[delegate=true]", "yield* asks the page's iterators."],
  ["BinaryExpression[operator='instanceof']", "instanceof asks Symbol.hasInstance: ask for a property of the class."],
  ["Literal[regex]", "Regular expressions ask the page's RegExp.prototype."],
  ["TaggedTemplateExpression", "A tag is a call."],
  ["AwaitExpression:not([argument.callee.name='own'])", "await own(...): a plain await asks the page's Promise.prototype."],
  [
    "ObjectExpression:not([properties.0.key.name='__proto__']):not(SpreadElement > ObjectExpression)",
    "An object inherits from the page's Object.prototype: begin it with __proto__: null.",
  ],
  [
    `:function ${CALL}:not([callee.object.name=/^(${OURS})$/]):not([callee.object.object.name=/^(kernel|player|realms|flight)$/]):not([callee.object.property.name='callbacks'])`,
    "A method is the page's to redefine: take it with methodOf() while the realm is new.",
  ],
];

export default [
  js.configs.recommended,
  { linterOptions: { reportUnusedDisableDirectives: "error" }, rules },
  { files: ["**/*.js"], languageOptions: { sourceType: "script", globals: globals.browser } },
  { files: ["scripts/javascript/*.js"], languageOptions: { sourceType: "module", globals: globals.node } },
  {
    // The parts of one script: eslint sees one part at a time, so it cannot know what the others declare or use.
    // `make types` knows all of them and finds names that nobody declares.
    files: ["worker/helios_worker/capture/clock/*.js"],
    rules: {
      "no-undef": "off",
      "no-unused-vars": ["error", { argsIgnorePattern: "^_", vars: "local" }],
      "no-restricted-syntax": ["error", ...outOfReach.map(([selector, message]) => ({ selector, message }))],
    },
  },
];
