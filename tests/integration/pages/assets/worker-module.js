// A module worker with an import of its own.
import { every } from "./every.js";

let tens = 0;
let sevens = 0;
every(10, () => postMessage({ line: 0, value: ++tens }));
every(7, () => postMessage({ line: 1, value: ++sevens }));
