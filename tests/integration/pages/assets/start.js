// The start of a page, as a module of its own: an animation on line 0, the animation callbacks' time on line 1.
export function start() {
  show(0);
  document.querySelector(".line-0").animate({ "--n": [0, 4000] }, 4000 * TICK);
  requestAnimationFrame(function draw(now) {
    show(ticks(now), 1);
    requestAnimationFrame(draw);
  });
}
