// The drawing of the film: everything on the canvas is a function of the time in seconds.
//
// Nothing is carried over from frame to frame, so any frame can be drawn first and looks the same. The film can be
// divided anywhere, and its chunks rendered in parallel. Shapes are drawn in a space of 1920 × 1080.

const WIDTH = 1920;
const HEIGHT = 1080;
const MARGIN = 120;
const HORIZON = 700;
const BASELINE = 1020;
const fps = Number(document.documentElement.dataset.fps);
const duration = Number(document.documentElement.dataset.duration);

const SUN = "#ffc42e";
const INK = "#17130a";
const LINE = "#f4f5f7";
const PENCIL = "#aeb2c0";

// --- time --------------------------------------------------------------------------------------------------------

const clamp = (x, low = 0, high = 1) => Math.min(high, Math.max(low, x));
const mix = (a, b, x) => a + (b - a) * x;

const linear = (x) => x;
const arrive = (x) => (x >= 1 ? 1 : 1 - 2 ** (-10 * x)); // fast, then settling
const depart = (x) => (x <= 0 ? 0 : 2 ** (10 * x - 10)); // slow, then gone
const travel = (x) => (x < 0.5 ? 16 * x ** 5 : 1 - (-2 * x + 2) ** 5 / 2); // at rest at both ends
const drift = (x) => 1 - (1 - x) ** 3;

/** How far `time` has come from `start` to `end`, 0 to 1, eased. */
const between = (time, start, end, ease = travel) => ease(clamp((time - start) / (end - start)));

// --- the title ---------------------------------------------------------------------------------------------------

// Each letter on its own, so that they can stand up one after the other.
const title = document.querySelector(".title h1");
title.replaceChildren(
  ...[...title.textContent].map((letter, index) => {
    const span = document.createElement("span");
    span.textContent = letter;
    span.style.setProperty("--letter", index);
    if (letter === "ı") span.className = "stem";
    return span;
  }),
);

// --- the sun -----------------------------------------------------------------------------------------------------

/** Where the dot of the title's i belongs: measured, because it depends on the font. */
function findTittle() {
  const stem = title.querySelector(".stem").getBoundingClientRect(); // its letter-spacing lies on the right
  const size = parseFloat(getComputedStyle(title).fontSize);
  const scale = WIDTH / innerWidth;
  return {
    x: (stem.left + stem.width / 2 + size * 0.0175) * scale,
    y: HORIZON - size * 0.672 * scale,
    r: size * 0.071 * scale,
  };
}

/** The sun rises, becomes the dot of the i, floods the picture, and comes back as the sun of a page. */
function sunAt(time, tittle) {
  const rise = between(time, 0.15, 1.3, drift);
  const settle = between(time, 1.1, 1.8);
  const flood = between(time, 2.4, 2.95, depart);
  const ebb = between(time, 4.86, 5.5, arrive);
  const page = cardAt((SKY.length - 1) / 2, 5.5).sun;
  if (ebb === 0) {
    return {
      x: tittle.x,
      y: mix(mix(HORIZON + 230, 360, rise), tittle.y, settle),
      r: mix(mix(220, tittle.r, settle), 1700, flood),
    };
  }
  return { x: mix(tittle.x, page.x, ebb), y: mix(tittle.y, page.y, ebb), r: mix(1700, page.r, ebb) };
}

/** The last sun of the film sets into the title again. */
function lastSunAt(time, tittle) {
  const sun = cardAt(LAST, LIVE_UNTIL).sun;
  const set = between(time, LIVE_UNTIL, 10.8);
  return { x: mix(sun.x, tittle.x, set), y: mix(sun.y, tittle.y, set), r: mix(sun.r, tittle.r, set) };
}

// --- the frames --------------------------------------------------------------------------------------------------

// Twelve moments of a day, in four chunks of three.
const SKY = [
  "#1a1c46", "#34236b", "#6a2a82", "#ad3278", "#e5505f", "#f5814f",
  "#4fa3d9", "#3a86cf", "#2f69b8", "#2b4f9c", "#273a7a", "#1c2450",
];
const CARD = { width: 132, height: 320, y: 590, r: 37 };
const PAGE = { width: 768, height: 432, r: 84, dawn: SKY.slice(1, 6) };
const GAP = 32;
const CHUNKS = [
  { start: 7.0, end: 7.95, y: -56 },
  { start: 7.05, end: 8.15, y: 40 },
  { start: 7.0, end: 7.7, y: -20 },
  { start: 7.1, end: 8.05, y: 64 },
];
const PER_CHUNK = SKY.length / CHUNKS.length;
const framesPerCard = (fps * duration) / SKY.length;
const LAST = 3; // the frame under the dot of the i, the last one to fold away
const LIVE_UNTIL = 9.95;

/** The sun's height in a card, 0 at the top and 1 at the bottom: low in the morning and in the evening. */
const sunHeight = (index) => 0.84 - 0.66 * Math.sin((Math.PI * (index + 0.5)) / SKY.length);

/** A card at a time: its place, its sun, how much of it is rendered and how much of its outline shows. */
function cardAt(index, time) {
  const chunk = Math.floor(index / PER_CHUNK);
  const { start, end, y } = CHUNKS[chunk];
  const spread = between(time, 5.7, 6.4);
  const apart = between(time, 6.55, 7.05) - between(time, 8.15, 8.65);
  const full = between(time, 8.85, 9.5);
  const folds = LIVE_UNTIL + (8 - Math.abs(index - LAST)) * 0.035;
  const fold = between(time, folds, folds + 0.45);

  const width = mix(mix(PAGE.width, CARD.width, spread), WIDTH / SKY.length, full);
  const height = mix(mix(PAGE.height, CARD.height, spread), HEIGHT, full);
  const pitch = mix(CARD.width * spread, width, full);
  const x = WIDTH / 2 + (index - (SKY.length - 1) / 2) * pitch + (chunk - (CHUNKS.length - 1) / 2) * GAP * apart;
  const centre = mix(CARD.y + y * apart, HEIGHT / 2, full);
  const top = mix(centre - height / 2, HORIZON, fold);
  const bottom = mix(centre + height / 2, HORIZON, fold);

  const played = between(time, 9.35, 10.1, linear) * (SKY.length + 4) - 2; // a wave runs through the finished film
  const swell = 1 + 0.3 * Math.exp(-((index - played) ** 2)) * full;

  const length = (end - start) / PER_CHUNK;
  const begun = start + (index % PER_CHUNK) * length;
  return {
    left: x - width / 2,
    top,
    width,
    height: bottom - top,
    spread,
    sun: {
      x,
      y: mix(top, bottom, mix(0.5, sunHeight(index), spread)),
      r: mix(mix(PAGE.r, CARD.r, spread), 46, full) * swell * (1 - fold),
    },
    rendered: between(time, begun, begun + length, linear),
    outline: spread * (1 - between(time, 8.6, 8.8, linear)),
  };
}

// --- drawing -----------------------------------------------------------------------------------------------------

const canvas = document.querySelector("canvas");
const pen = canvas.getContext("2d");

function circle({ x, y, r }, paint) {
  pen.beginPath();
  pen.arc(x, y, Math.max(0, r), 0, 2 * Math.PI);
  pen[paint]();
}

function disc(place, colour) {
  pen.fillStyle = colour;
  circle(place, "fill");
}

function drawHorizon(time) {
  const drawn = between(time, 0, 1.1, arrive) - between(time, 2.95, 3, linear) + between(time, 10, 10.2, linear);
  if (drawn <= 0) return;
  pen.fillStyle = LINE;
  pen.fillRect(MARGIN, HORIZON, (WIDTH - 2 * MARGIN) * drawn, 2);
}

/** Behind the horizon while it rises, in front of everything later. */
function drawSun(sun, time) {
  pen.save();
  pen.beginPath();
  pen.rect(0, 0, WIDTH, time < 2.4 ? HORIZON : HEIGHT);
  pen.clip();
  disc(sun, SUN);
  pen.restore();
}

/** The whole film on one line: a tick for each frame, taller near the one that is on show. */
function drawRuler(time) {
  if (time < 3.2 || time > 4.9) return;
  const shown = between(time, 3.2, 4.1, arrive);
  const gone = between(time, 4.66, 4.9);
  const last = fps * duration;
  const current = time * fps;
  pen.fillStyle = INK;
  for (let frame = 0; frame <= last * shown; frame += 1) {
    const near = Math.exp(-(((frame - current) / 7) ** 2));
    const height = ((frame % fps === 0 ? 34 : 16) + 56 * near) * (1 - gone);
    pen.fillRect(mix(MARGIN, WIDTH - MARGIN - 2, frame / last), BASELINE - height, 2, height);
  }
}

function drawCard(index, time) {
  const { left, top, width, height, sun, rendered, outline } = cardAt(index, time);
  if (outline > 0) {
    pen.globalAlpha = outline;
    pen.strokeStyle = PENCIL;
    pen.lineWidth = 2;
    pen.strokeRect(left, top, width, height);
    circle(sun, "stroke");
    pen.globalAlpha = 1;
  }
  if (rendered > 0) {
    const overlap = time > 8.65 ? 2 : 0; // under its neighbour, so that no gap shows where an edge falls within a pixel
    pen.save();
    pen.beginPath();
    pen.rect(left, top, width + overlap, height * rendered);
    pen.clip();
    pen.fillStyle = SKY[index];
    pen.fillRect(left, top, width + overlap, height);
    if (index !== LAST || time < LIVE_UNTIL) disc(sun, SUN);
    pen.restore();
    if (rendered < 1) {
      pen.fillStyle = LINE;
      pen.fillRect(left, top + height * rendered - 3, width, 3);
    }
  }
}

/** The three places where the film is cut: drawn before the cut, and lit once more when the parts have met. */
function drawSeams(time) {
  const cut = between(time, 6.36, 6.6, drift);
  const lit = between(time, 8.55, 8.62, linear) * (1 - between(time, 8.62, 8.95, linear));
  const alpha = Math.max(lit, cut * (1 - between(time, 6.6, 6.75, linear)));
  if (alpha === 0) return;
  pen.globalAlpha = alpha;
  pen.fillStyle = SUN;
  for (let index = PER_CHUNK; index < SKY.length; index += PER_CHUNK) {
    const { left, top, height } = cardAt(index, Math.min(time, 8.84));
    const overhang = 28;
    pen.fillRect(left - 2, top - overhang, 4, (height + 2 * overhang) * cut);
  }
  pen.globalAlpha = 1;
}

/** The page, alive: a dawn and a sun. It fades into the moments that come out of it. */
function drawPage(time, tittle) {
  const { left, top, width, height, sun, spread } = cardAt((SKY.length - 1) / 2, time);
  pen.globalAlpha = 1 - spread;
  PAGE.dawn.forEach((colour, band) => {
    const from = Math.round(top + (height * band) / PAGE.dawn.length);
    pen.fillStyle = colour;
    pen.fillRect(left, from, width, Math.round(top + (height * (band + 1)) / PAGE.dawn.length) - from);
  });
  pen.globalAlpha = 1;
  disc(spread > 0 ? { ...sun, r: sun.r * (1 - spread) } : sunAt(time, tittle), SUN);
}

function draw(time, tittle) {
  pen.setTransform(canvas.width / WIDTH, 0, 0, canvas.height / HEIGHT, 0, 0);
  pen.clearRect(0, 0, WIDTH, HEIGHT);
  drawHorizon(time);
  if (time < 4.95) drawSun(sunAt(time, tittle), time);
  else if (time < 6.4) drawPage(time, tittle);
  drawRuler(time);
  if (time > 5.7 && time < 11) for (let index = 0; index < SKY.length; index += 1) drawCard(index, time);
  drawSeams(time);
  if (time >= LIVE_UNTIL) disc(lastSunAt(time, tittle), SUN);
}

// --- the words that count ----------------------------------------------------------------------------------------

const shows = [...document.querySelectorAll("[data-show]")];
const corners = [...document.querySelectorAll("footer span")];
const labels = CHUNKS.map((_, chunk) => {
  const label = document.createElement("li");
  label.innerHTML = `<b></b>frames ${chunk * PER_CHUNK * framesPerCard} to ${(chunk + 1) * PER_CHUNK * framesPerCard - 1}`;
  document.querySelector(".story ol").append(label);
  return label;
});

function count(time) {
  const frame = Math.floor(time * fps + 1e-6);
  const values = { frame: String(frame).padStart(3, "0"), seconds: (frame / fps).toFixed(3) };
  for (const element of shows) element.textContent = values[element.dataset.show];

  // The corners give way to the flood of sunlight; the statement has the same figures, larger.
  for (const corner of corners) {
    const { left, width, top } = corner.getBoundingClientRect();
    const sun = sunAt(Math.min(time, 5.6), tittle);
    const scale = WIDTH / innerWidth;
    const covered = Math.hypot((left + width / 2) * scale - sun.x, top * scale - sun.y) < sun.r;
    corner.style.visibility = covered ? "hidden" : "";
  }

  labels.forEach((label, chunk) => {
    const card = cardAt(chunk * PER_CHUNK, time);
    const visible = between(time, 6.75, 7, linear) - between(time, 8.15, 8.35, linear);
    label.style.opacity = visible;
    if (visible === 0) return;
    label.style.transform = `translate(${card.left / 10}rem, ${(card.top + card.height + 22) / 10}rem)`;
    const { start, end } = CHUNKS[chunk];
    const done = Math.round(between(time, start, end, linear) * PER_CHUNK * framesPerCard);
    label.firstChild.textContent = `${done} of ${PER_CHUNK * framesPerCard}`;
  });
}

// --- running -----------------------------------------------------------------------------------------------------

let tittle;
function fit() {
  // In another font the title may be wider than the picture allows.
  title.style.fontSize = "";
  const room = (innerWidth * (WIDTH - 2 * MARGIN)) / WIDTH;
  const size = parseFloat(getComputedStyle(title).fontSize);
  if (title.offsetWidth > room * 1.02) title.style.fontSize = `${(size * room) / title.offsetWidth}px`;
  canvas.width = innerWidth;
  canvas.height = (innerWidth * HEIGHT) / WIDTH;
  tittle = findTittle();
}
addEventListener("resize", fit);
fit();

requestAnimationFrame(function frame(now) {
  const time = Math.min(now / 1000, duration - 1 / fps);
  draw(time, tittle);
  count(time);
  requestAnimationFrame(frame);
});
