// The texts that scripts draw on canvases, which no document has: glyphs.py asks whether a font has their characters.

{
  const MOST = 2000;
  const LONGEST = 200;
  /** @type {SafeMap<string, string>} the font of each text */
  const texts = new SafeMap();

  /** @param {object | undefined} target whose texts are noted @param {(context: any) => string} fontOf */
  const noteTexts = (target, fontOf) => {
    /** @param {any} context @param {any[]} args */
    const noteText = (context, args) => {
      const text = args.length > 0 ? args[0] : "";
      if (typeof text !== "string" || texts.has(text) || texts.size >= MOST) return;
      texts.set(text.length > LONGEST ? stringSlice(text, 0, LONGEST) : text, fontOf(context));
    };
    after(target, "fillText", noteText);
    after(target, "strokeText", noteText);
  };
  const Context = isWindow ? CanvasRenderingContext2D : undefined;
  if (Context) noteTexts(Context.prototype, getterOf(Context.prototype, "font"));
  const Offscreen = globalThis.OffscreenCanvasRenderingContext2D;
  if (Offscreen) noteTexts(Offscreen.prototype, getterOf(Offscreen.prototype, "font"));

  realm.texts = () => {
    /** @type {string[][]} */
    const found = list();
    texts.forEach((font, text) => append(found, list(text, font)));
    return found;
  };
}
