// Counts of an interval of 20 ms and of a chain of timers 35 ms apart.
let regular = 0;
let chained = 0;
setInterval(() => postMessage({ line: 0, value: ++regular }), 20);
setTimeout(function next() {
  postMessage({ line: 1, value: ++chained });
  setTimeout(next, 35);
}, 35);
