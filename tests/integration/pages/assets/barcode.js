// What the test pages share: the frame rate, the unit in which they tell time, and how to show a number.
//
// Pages count in ticks of one eighth of a frame, so that a mechanism off by a tenth of a frame shows another number.
// At frame n an exact clock has run 8 n ticks.
"use strict";

const PROPS = (() => {
  try {
    return window.__HELIOS_PROPS__ ?? parent.__HELIOS_PROPS__ ?? {}; // a frame asks its parent
  } catch {
    return {}; // which is of another origin
  }
})();

// "30000/1001", 29.97 or "24"; from the query (frames of another origin), the props, or the page's own declaration.
const FPS = (() => {
  const given = new URLSearchParams(location.search).get("fps") ?? PROPS.fps ?? document.documentElement.dataset.fps ?? 30;
  const [numerator, denominator = 1] = String(given).split("/");
  return numerator / denominator;
})();

const TICK = 125 / FPS; // milliseconds

document.documentElement.style.setProperty("--tick", `${TICK}ms`);

const ticks = (milliseconds) => Math.round(milliseconds / TICK);

// Shows a number on one of the three lines of the page, in an element made at the first call.
function show(value, line = 0) {
  let element = document.querySelector(`.barcode.line-${line}`);
  if (!element) {
    element = document.createElement("div");
    element.className = `barcode line-${line}`;
    document.body.append(element);
  }
  element.style.setProperty("--n", value);
}
