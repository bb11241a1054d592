// What a page reads of its sound without a node that listens: the value of a parameter that is automated, and how far a
// compressor turns down. Both move only where contexts render (audio_clocks.js). The page that the plan listens to renders, and
// tells the driver, so that the film's pages render from their start.

if (isWindow && globalThis.AudioParam) {
  const { audio } = kernel;
  const values = AudioParam.prototype;
  /** @type {SafeWeakSet<object>} */
  const automated = new SafeWeakSet();
  const methods = list(
    "setValueAtTime",
    "linearRampToValueAtTime",
    "exponentialRampToValueAtTime",
    "setTargetAtTime",
    "setValueCurveAtTime",
  );
  for (let index = 0; index < methods.length; index += 1) {
    after(values, methods[index], (parameter) => automated.add(parameter));
  }
  /** @param {object} prototype @param {string} name @param {(thing: any) => boolean} moves */
  const watch = (prototype, name, moves) => {
    const { get } = descriptorOf(prototype, name);
    if (!get) return;
    patch(prototype, name, {
      __proto__: null,
      get() {
        const value = ReflectApply(get, this, []);
        if (moves(this)) audio.isLookedAt = true;
        return value;
      },
    });
  };
  watch(values, "value", (parameter) => automated.has(parameter));
  watch(DynamicsCompressorNode.prototype, "reduction", () => true);
}
