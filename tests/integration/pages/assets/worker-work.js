// Counts rounds of a timer and of work that takes longer than the timer.
"use strict";

const bytes = new Uint8Array(1e6);
const canvas = new OffscreenCanvas(64, 64);
canvas.getContext("2d").fillRect(0, 0, 32, 32);

let rounds = 0;
setTimeout(async function next() {
  await createImageBitmap(await canvas.convertToBlob());
  await new Blob([bytes]).text();
  const folder = await navigator.storage.getDirectory();
  const file = await folder.getFileHandle("rounds", { create: true });
  const stream = await file.createWritable();
  await stream.write(bytes);
  await stream.close();
  postMessage((rounds += (await file.getFile()).size / 1e6));
  setTimeout(next, 150);
}, 150);
