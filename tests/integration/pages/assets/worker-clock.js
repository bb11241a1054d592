// Answers each message with what the clocks of a worker say.
onmessage = () => postMessage({ performance: performance.now(), date: Date.now(), made: new Date().getTime() });
