// Draws each value it is sent.
importScripts("barcode-paint.js");
let context;
onmessage = ({ data: { canvas, value } }) => {
  if (canvas) context = canvas.getContext("2d");
  else paint(context, value);
};
