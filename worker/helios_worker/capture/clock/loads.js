// What scripts begin to load: time stands still until it has arrived, so that a slow server changes nothing.
//
// The driver sees every request, but asking it after each timer would cost a round trip. So a realm only notes that a
// script may have requested something: by a call that loads, or by a new image, script, style sheet or frame. The
// driver waits for what this misses (a background image, import()) at the end of the frame.

{
  /** @param {object | undefined} target @param {string} name */
  const note = (target, name) => after(target, name, () => (kernel.loads += 1));

  note(globalThis, "fetch");
  note(globalThis.XMLHttpRequest && XMLHttpRequest.prototype, "send");
  note(globalThis.FontFace && FontFace.prototype, "load");
  if (globalThis.Worker) {
    globalThis.Worker = new Proxy(Worker, {
      construct(target, args, newTarget) {
        const worker = Reflect.construct(target, args, newTarget);
        kernel.loads += 1;
        kernel.workers += 1;
        return worker;
      },
    });
  }

  if (isWindow) {
    for (const name of ["src", "srcset"]) note(HTMLImageElement.prototype, name);
    let known = "";
    realm.beganLoading = () => {
      const { images, scripts, styleSheets } = document;
      const present = `${images.length} ${scripts.length} ${styleSheets.length} ${window.length}`;
      const began = present !== known;
      known = present;
      return began;
    };
  }

  // Messages between realms: the driver lets the realms take turns until none is under way.
  /** @param {object | undefined} target */
  const count = (target) => after(target, "postMessage", () => (kernel.posted += 1));
  count(globalThis.Worker && Worker.prototype);
  count(globalThis.MessagePort && MessagePort.prototype);
  count(globalThis);
}
