"use strict";

// Draws the barcode of barcode.css on a 2d context whose origin is the page's; for canvases, in pages and in workers.
function paint(context, value, line = 0) {
  for (let column = 0; column < 12; column++) {
    const bit = (value >> (11 - column)) & 1;
    const x = 16 + 24 * column;
    const y = 8 + 56 * line;
    context.fillStyle = bit ? "#fff" : "#000";
    context.fillRect(x, y, 24, 24);
    context.fillStyle = bit ? "#000" : "#fff";
    context.fillRect(x, y + 24, 24, 24);
  }
}
