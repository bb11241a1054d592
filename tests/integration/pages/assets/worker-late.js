// Tells the page to start at 475 ms of its own time; counts every 20 ms from when it is told to.
setTimeout(() => postMessage("start"), 475);
onmessage = () => {
  let count = 0;
  setInterval(() => postMessage(++count), 20);
};
