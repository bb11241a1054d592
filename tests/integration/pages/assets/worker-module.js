// A module worker with an import of its own.
import { every } from "./every.js";

let quick = 0;
let slow = 0;
every(20, () => postMessage({ line: 0, value: ++quick }));
every(35, () => postMessage({ line: 1, value: ++slow }));
