// The four visuals of the comparison, as one pure function of the frame number: scene() gives a list of boxes, texts
// and shapes in pixels, and a surface puts that list on the page, as DOM elements or on one 2D canvas. Every renderer
// only tells mount()'s result which frame to show, so all of them show the same picture.
// A classic script, so that a page opened from a file can load it.
(() => {
  "use strict";

  const FONT = '"DejaVu Sans Mono", monospace';
  const ADVANCE = 0.602; // of an em: every letter of the font above
  const CELLS = 16;
  // Text is set with text-rendering: geometricPrecision on both surfaces: HyperFrames forces it, the others then show
  // the same letters at the same places.

  // --- small pure tools ---------------------------------------------------------------------------------------
  const clamp = (value, low = 0, high = 1) => Math.min(high, Math.max(low, value));
  const easeOut = (t) => 1 - (1 - clamp(t)) ** 3;
  const hsl = (hue, saturation, lightness, alpha = 1) =>
    `hsla(${(((hue % 360) + 360) % 360).toFixed(2)}, ${saturation}%, ${lightness}%, ${alpha})`;
  /** A repeatable number in [0, 1) for an index: where a random number would be. */
  const noise = (index) => {
    const wave = Math.sin(index * 127.1 + 311.7) * 43758.5453;
    return wave - Math.floor(wave);
  };

  // --- the barcode --------------------------------------------------------------------------------------------
  /** 12 bits of the number and 4 bits of check, so that a blank edge is no number. Most significant bit first. */
  function barcodeBits(number) {
    const low = number & 0xfff;
    const check = (low >> 8) ^ ((low >> 4) & 15) ^ (low & 15) ^ 0xa;
    const word = (low << 4) | check;
    return Array.from({ length: CELLS }, (_, cell) => (word >> (CELLS - 1 - cell)) & 1);
  }

  function barcode(number, { width, height }) {
    const tall = Math.round(height / 18);
    return barcodeBits(number).map((bit, cell) => {
      const left = Math.round((cell * width) / CELLS);
      const right = Math.round(((cell + 1) * width) / CELLS);
      return { kind: "box", x: left, y: height - tall, w: right - left, h: tall, fill: bit ? "#fff" : "#000" };
    });
  }

  // --- the visuals --------------------------------------------------------------------------------------------
  /** A full-screen gradient that turns, under a dozen cards with wide shadows. Every pixel changes. */
  function heavy({ t, width, height, unit }) {
    const nodes = [
      {
        kind: "box", x: 0, y: 0, w: width, h: height,
        gradient: { angle: 120 + 40 * Math.sin(t * 0.9), stops: [hsl(210 + 30 * t, 70, 38), hsl(285 + 25 * t, 65, 45), hsl(20 + 20 * t, 80, 55)] },
      },
    ];
    for (let card = 0; card < 12; card += 1) {
      const column = card % 4;
      const row = Math.floor(card / 4);
      const phase = t * 1.7 + card * 0.55;
      const w = 360 * unit;
      const h = 230 * unit;
      const x = (120 + column * 440 + 26 * Math.sin(phase)) * unit;
      const y = (90 + row * 300 + 18 * Math.cos(phase * 1.3)) * unit;
      const rotate = 3 * Math.sin(phase * 0.8);
      nodes.push({
        kind: "box", x, y, w, h, rotate, radius: 26 * unit,
        gradient: { angle: 160, stops: [hsl(200 + card * 13 + 20 * t, 55, 96), hsl(230 + card * 13 + 20 * t, 60, 84)] },
        shadow: { dy: 22 * unit, blur: 64 * unit, color: "rgba(10, 12, 40, 0.55)" },
      });
      nodes.push({ kind: "text", text: `CARD ${String(card + 1).padStart(2, "0")}`, x: x + w / 2, y: y + h * 0.36, size: 40 * unit, rotate, color: "#20264a" });
      nodes.push({ kind: "text", text: `${(50 + 50 * Math.sin(phase)).toFixed(1)} %`, x: x + w / 2, y: y + h * 0.66, size: 54 * unit, rotate, color: "#4b3fd1" });
    }
    return nodes;
  }

  /** Words whose letters fly in, sway and leave, on a plain ground. */
  function kinetic({ t, width, height, unit }) {
    const phrases = ["EVERY FRAME", "AT ITS TIME", "IN PARALLEL", "ONE EXACT FILM"];
    const length = 1.25;
    const phrase = phrases[Math.floor(t / length) % phrases.length];
    const local = t % length;
    const nodes = [{ kind: "box", x: 0, y: 0, w: width, h: height, fill: "#101223" }];
    const size = 170 * unit;
    const pitch = size * (ADVANCE + 0.04);
    const left = width / 2 - ((phrase.length - 1) * pitch) / 2;
    // One node for each place of the longest phrase: node number i stays the same element.
    for (let index = 0; index < 14; index += 1) {
      const letter = phrase[index] ?? " ";
      const enter = easeOut((local - index * 0.035) / 0.4);
      const leave = easeOut((local - 1.02 - index * 0.012) / 0.22);
      nodes.push({
        kind: "text", text: letter, size, bold: true,
        x: left + index * pitch,
        y: height * 0.44 + (1 - enter) * 260 * unit - leave * 220 * unit + 10 * unit * Math.sin(t * 5 + index),
        rotate: (1 - enter) * 70 - leave * 40 + 3 * Math.sin(t * 3 + index),
        scale: 0.4 + 0.6 * enter,
        opacity: clamp(enter * (1 - leave)),
        color: hsl(190 + index * 14 + t * 40, 85, 68),
      });
    }
    const line = "a page with a time axis becomes a film";
    const shown = line.slice(0, Math.floor(clamp(t / 3) * line.length));
    nodes.push({ kind: "text", text: shown || " ", x: width / 2, y: height * 0.7, size: 44 * unit, color: "#9aa4d8" });
    const bar = 0.5 + 0.5 * Math.sin(t * 1.6);
    nodes.push({ kind: "box", x: width * 0.2, y: height * 0.78, w: width * 0.6 * bar, h: 10 * unit, radius: 5 * unit, fill: "#5ee0c8" });
    return nodes;
  }

  /** Lines and dots drawn with the 2D context: ribbons over a drifting field of points. */
  function canvas({ t, width, height, unit }) {
    const nodes = [{ kind: "box", x: 0, y: 0, w: width, h: height, fill: "#08131c" }];
    for (let ribbon = 0; ribbon < 14; ribbon += 1) {
      const points = [];
      for (let x = 0; x <= width; x += 16 * unit) {
        const place = x / width;
        points.push([x, height * (0.47 + 0.3 * Math.sin(place * 5 + t * (0.8 + ribbon * 0.06) + ribbon * 0.35) * Math.cos(place * 2 - t * 0.5))]);
      }
      nodes.push({ kind: "line", points, thick: 5 * unit, color: hsl(160 + ribbon * 12 + 30 * t, 75, 60, 0.6) });
    }
    for (let dot = 0; dot < 420; dot += 1) {
      const speed = 20 + 90 * noise(dot);
      nodes.push({
        kind: "dot",
        x: (noise(dot + 1000) * width + t * speed * unit) % width,
        y: noise(dot + 2000) * height + 14 * unit * Math.sin(t * 2 + dot),
        r: (1.5 + 5 * noise(dot + 3000)) * unit,
        color: hsl(190 + 120 * noise(dot + 4000), 80, 75, 0.8),
      });
    }
    return nodes;
  }

  /** The frames at which the still slide changes. */
  const stillChanges = (frames) => [0, Math.round(frames * 0.3), Math.round(frames * 0.6)];

  /** A slide that changes at two moments and stands still between them. */
  function still({ frame, frames, width, height, unit }) {
    const steps = stillChanges(frames).filter((change) => frame >= change).length;
    const nodes = [
      { kind: "box", x: 0, y: 0, w: width, h: height, gradient: { angle: 135, stops: ["#f7f3ea", "#e8e2f4"] } },
      { kind: "box", x: 1120 * unit, y: 230 * unit, w: 640 * unit, h: 520 * unit, radius: 30 * unit, gradient: { angle: 150, stops: ["#3b4a8f", "#7d5ba6", "#e08a6d"] }, shadow: { dy: 24 * unit, blur: 60 * unit, color: "rgba(40, 30, 80, 0.35)" } },
      { kind: "text", text: "Render once,", x: 560 * unit, y: 190 * unit, size: 84 * unit, bold: true, color: "#20264a" },
      { kind: "text", text: "anywhere", x: 560 * unit, y: 290 * unit, size: 84 * unit, bold: true, color: "#5b4fd1" },
    ];
    ["the page is cut into chunks", "each chunk is proved", "one film comes out"].forEach((text, index) => {
      const there = index < steps;
      nodes.push({ kind: "box", x: 150 * unit, y: (440 + index * 120) * unit, w: 56 * unit, h: 56 * unit, radius: 28 * unit, fill: "#e08a6d", opacity: there ? 1 : 0 });
      nodes.push({ kind: "text", text, x: 610 * unit, y: (468 + index * 120) * unit, size: 40 * unit, color: "#2b3050", opacity: there ? 1 : 0 });
    });
    return nodes;
  }

  const VISUALS = { heavy, kinetic, canvas, still };

  /** What the barcode of a frame must say: its number; on the still slide the number of the frame it last changed at. */
  const barcodeNumber = (page, frame, frames) =>
    page === "still" ? stillChanges(frames).filter((change) => frame >= change).at(-1) : frame;

  function scene(frame, { page, fps, frames, width, height }) {
    const nodes = VISUALS[page]({ t: frame / fps, frame, frames, width, height, unit: width / 1920 });
    return nodes.concat(barcode(barcodeNumber(page, frame, frames), { width, height }));
  }

  // --- surfaces -----------------------------------------------------------------------------------------------
  const px = (value) => `${value.toFixed(3)}px`;

  /** A surface of absolutely placed elements; node number i is always the same element. */
  function domSurface(root) {
    const elements = [];
    const element = (index) => {
      if (!elements[index]) {
        elements[index] = document.createElement("div");
        elements[index].style.cssText = "position:absolute;left:0;top:0;white-space:pre;line-height:1;box-sizing:border-box;text-rendering:geometricPrecision;";
        root.appendChild(elements[index]);
      }
      return elements[index];
    };
    const style = (node) => {
      if (node.kind === "text") {
        const shift = `translate(${px(node.x)}, ${px(node.y)}) translate(-50%, -50%)`;
        return {
          transform: `${shift} rotate(${(node.rotate ?? 0).toFixed(3)}deg) scale(${(node.scale ?? 1).toFixed(4)})`,
          font: `${node.bold ? 700 : 400} ${px(node.size)}/1 ${FONT}`, color: node.color, opacity: String(node.opacity ?? 1),
        };
      }
      return {
        transform: `translate(${px(node.x)}, ${px(node.y)}) rotate(${(node.rotate ?? 0).toFixed(3)}deg)`,
        width: px(node.w), height: px(node.h), borderRadius: px(node.radius ?? 0), opacity: String(node.opacity ?? 1),
        background: node.gradient ? `linear-gradient(${node.gradient.angle.toFixed(3)}deg, ${node.gradient.stops.join(", ")})` : node.fill,
        boxShadow: node.shadow ? `0 ${px(node.shadow.dy)} ${px(node.shadow.blur)} ${node.shadow.color}` : "none",
      };
    };
    return (nodes) => {
      nodes.forEach((node, index) => {
        const target = element(index);
        for (const [name, value] of Object.entries(style(node))) {
          if (target[`_${name}`] !== value) target.style[name] = target[`_${name}`] = value;
        }
        if (node.kind === "text" && target.textContent !== node.text) target.textContent = node.text;
        target.style.display = "";
      });
      for (let index = nodes.length; index < elements.length; index += 1) elements[index].style.display = "none";
    };
  }

  function canvasSurface(root, { width, height }) {
    const surface = document.createElement("canvas");
    Object.assign(surface, { width, height });
    surface.style.cssText = "display:block;position:absolute;left:0;top:0;";
    root.appendChild(surface);
    const context = surface.getContext("2d");
    context.textRendering = "geometricPrecision";

    const paint = (node) => {
      if (!node.gradient) return node.fill;
      // The gradient line of CSS: through the centre, as long as the box's corners need it.
      const angle = (node.gradient.angle * Math.PI) / 180;
      const half = (Math.abs(node.w * Math.sin(angle)) + Math.abs(node.h * Math.cos(angle))) / 2;
      const [dx, dy] = [half * Math.sin(angle), -half * Math.cos(angle)];
      const gradient = context.createLinearGradient(-dx, -dy, dx, dy);
      node.gradient.stops.forEach((stop, index, { length }) => gradient.addColorStop(index / (length - 1), stop));
      return gradient;
    };
    const draw = {
      box(node) {
        context.translate(node.x + node.w / 2, node.y + node.h / 2);
        context.rotate(((node.rotate ?? 0) * Math.PI) / 180);
        if (node.shadow) {
          Object.assign(context, { shadowColor: node.shadow.color, shadowBlur: node.shadow.blur, shadowOffsetY: node.shadow.dy });
        }
        context.fillStyle = paint(node);
        context.beginPath();
        context.roundRect(-node.w / 2, -node.h / 2, node.w, node.h, node.radius ?? 0);
        context.fill();
      },
      text(node) {
        context.translate(node.x, node.y);
        context.rotate(((node.rotate ?? 0) * Math.PI) / 180);
        context.scale(node.scale ?? 1, node.scale ?? 1);
        Object.assign(context, { font: `${node.bold ? 700 : 400} ${node.size}px ${FONT}`, textAlign: "center", textBaseline: "middle", fillStyle: node.color });
        context.fillText(node.text, 0, 0);
      },
      line(node) {
        Object.assign(context, { strokeStyle: node.color, lineWidth: node.thick, lineJoin: "round" });
        context.beginPath();
        node.points.forEach(([x, y]) => context.lineTo(x, y));
        context.stroke();
      },
      dot(node) {
        context.fillStyle = node.color;
        context.beginPath();
        context.arc(node.x, node.y, node.r, 0, 2 * Math.PI);
        context.fill();
      },
    };
    return (nodes) => {
      for (const node of nodes) {
        context.save();
        context.globalAlpha = node.opacity ?? 1;
        draw[node.kind](node);
        context.restore();
      }
    };
  }

  /**
   * Puts a visual into an element.
   * film: {page, fps, frames, width, height, surface}; surface "canvas" draws any visual on one canvas, "dom" all but
   * the canvas visual by elements.
   * Returns show(frame).
   */
  function mount(root, film) {
    const paint = film.surface === "canvas" ? canvasSurface(root, film) : domSurface(root);
    let shown = null;
    return (frame) => {
      const number = clamp(frame, 0, film.frames - 1);
      if (number !== shown) paint(scene(number, film));
      shown = number;
    };
  }

  globalThis.benchVisuals = { mount };
})();
