// Prints, as a JSON list, every name that a script on standard input uses: identifiers, properties, and strings, since
// the clock names what it takes from a prototype as a string.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const { parse } = createRequire(new URL("../../../scripts/javascript/package.json", import.meta.url))("acorn");
const names = new Set();

function visit(node) {
  if (node === null || typeof node !== "object") return;
  if (Array.isArray(node)) return node.forEach(visit);
  if (node.type === "Identifier") names.add(node.name);
  if (node.type === "Literal" && typeof node.value === "string" && /^[\w$]+$/.test(node.value)) names.add(node.value);
  Object.values(node).forEach(visit);
}

visit(parse(readFileSync(0, "utf8"), { ecmaVersion: "latest" }));
console.log(JSON.stringify([...names].sort()));
