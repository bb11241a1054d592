// node bundle.mjs FOLDER: bundles the composition once, for every film.
import { fileURLToPath } from "node:url";
import { bundle } from "@remotion/bundler";

await bundle({
  entryPoint: fileURLToPath(new URL("./index.js", import.meta.url)),
  outDir: process.argv[2],
  enableCaching: false,
});
