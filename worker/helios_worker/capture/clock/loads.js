// What scripts begin to load: time stands still until it has come, so that a slow server moves nothing.
//
// The driver sees every request, but asking it after each timer would cost a round trip each. So a realm only
// notes that something may have been asked for: calls that load, and new images, scripts, sheets and frames.
// What this misses (a background image, import()) is waited for at the end of the frame.

{
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

  // Messages between realms, which the driver passes to and fro until none is under way.
  const count = (target) => after(target, "postMessage", () => (kernel.posted += 1));
  count(globalThis.Worker && Worker.prototype);
  count(globalThis.MessagePort && MessagePort.prototype);
  count(globalThis);
}
