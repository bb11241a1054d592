// Draws by the worker's own animation callbacks.
onmessage = ({ data: { canvas, tick } }) => {
  importScripts("barcode-paint.js");
  const context = canvas.getContext("2d");
  requestAnimationFrame(function draw(now) {
    paint(context, Math.round(now / tick));
    requestAnimationFrame(draw);
  });
};
