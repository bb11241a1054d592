// What a page listens to or uses that only a frame of the browser's own brings: events of animations and media,
// observers, view transitions, canvases of workers.
//
// Such frames cost time, so the kernel asks for them only once a page has shown that it needs them. steps.js asks.

if (isWindow) {
  const { needs } = kernel;
  const needEvents = () => {
    needs.events = true;
  };

  // Animations and media: their events get a frame at the exact time.
  const eventful = /^(transition|animation)(start|run|end|cancel)$|^(finish|ended)$/;
  after(EventTarget.prototype, "addEventListener", (_target, [type]) => {
    if (eventful.test(type)) needs.events = true;
    if (type === "animationiteration") needs.events = needs.iterations = true;
  });
  for (const owner of [HTMLElement.prototype, SVGElement.prototype, Document.prototype, Window.prototype, window]) {
    for (const type of ["run", "start", "end"]) after(owner, `ontransition${type}`, needEvents);
    for (const type of ["onanimationstart", "onanimationend", "onended"]) after(owner, type, needEvents);
    after(owner, "onanimationiteration", () => {
      needs.events = needs.iterations = true;
    });
  }
  after(Animation.prototype, "onfinish", needEvents);
  // The browser settles both promises in a frame, `ready` in the first frame that sees the animation.
  for (const promise of ["ready", "finished"]) {
    const { get } = accessor(Animation.prototype, promise);
    patch(Animation.prototype, promise, {
      get() {
        needs.events = true;
        return get.call(this);
      },
    });
  }

  // View transitions: they take their pictures in frames that are drawn.
  after(Document.prototype, "startViewTransition", (_host, _args, transition) => {
    kernel.transitions += 1;
    needs.events = true;
    const done = () => (kernel.transitions -= 1);
    transition.ready.then(done, done);
  });

  // Observers: their callbacks come after a frame, so one more frame is run before the capture.
  for (const name of ["IntersectionObserver", "ResizeObserver"]) {
    onConstruct(name, () => {
      needs.observers = true;
    });
  }

  // Canvases that a worker draws on: what it has drawn is shown by the next drawing.
  after(HTMLCanvasElement.prototype, "transferControlToOffscreen", () => {
    needs.draw = true;
  });
}
