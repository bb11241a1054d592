// Counts of an interval of 10 ms and of a chain of timers 7 ms apart.
let tens = 0;
let sevens = 0;
setInterval(() => postMessage({ line: 0, value: ++tens }), 10);
setTimeout(function next() {
  postMessage({ line: 1, value: ++sevens });
  setTimeout(next, 7);
}, 7);
