// The visuals as a Remotion composition: the current frame goes to the shared script, before the frame is painted.
import { createElement, useLayoutEffect, useRef } from "react";
import { Composition, registerRoot, useCurrentFrame } from "remotion";
import "../../visuals/visuals.js";

const Film = (film) => {
  const frame = useCurrentFrame();
  const root = useRef(null);
  const show = useRef(null);
  useLayoutEffect(() => {
    show.current ??= globalThis.benchVisuals.mount(root.current, film);
    show.current(frame);
  }, [frame, film]);
  const { width, height } = film;
  return createElement("div", { ref: root, style: { position: "relative", width, height, overflow: "hidden" } });
};

const settle = ({ props: { fps, frames, width, height } }) => ({ fps, width, height, durationInFrames: frames });

registerRoot(() =>
  createElement(Composition, {
    id: "film",
    component: Film,
    defaultProps: { page: "heavy", fps: 30, frames: 90, width: 1280, height: 720, surface: "dom" },
    calculateMetadata: settle,
  }),
);
