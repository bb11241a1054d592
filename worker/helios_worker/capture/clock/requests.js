// Time limits of XMLHttpRequest, on the film's clock.
//
// Time stands still for an answer, so a limit is reached only by a request that is never answered: the driver is told which
// requests have one (loads.js). When it is due, the browser gets a limit that has passed already, and does the rest.

if (globalThis.XMLHttpRequest) {
  const { prototype } = XMLHttpRequest;
  const stateOf = getterOf(prototype, "readyState");
  const setLimit = setterOf(prototype, "timeout");
  const { DONE, UNSENT } = XMLHttpRequest;

  /**
   * @typedef {object} Limited
   * @property {null} [__proto__]
   * @property {number} limit in milliseconds; 0 for none
   * @property {number | undefined} sentAt virtual time
   * @property {unknown} url
   * @property {number} round counts what the page does, so that a limit set before does nothing
   */

  /** @type {SafeWeakMap<object, Limited>} */
  const known = new SafeWeakMap();
  /** @param {object} request */
  const of = (request) => {
    /** @type {Limited} */
    const limited = known.get(request) ?? { __proto__: null, limit: 0, sentAt: undefined, url: "", round: 0 };
    known.set(request, limited);
    return limited;
  };

  /** @param {XMLHttpRequest} request @param {Limited} limited */
  const schedule = (request, limited) => {
    limited.round += 1;
    const { round, sentAt, limit } = limited;
    if (sentAt === undefined || limit === 0) return;
    kernel.scheduleOwn(max(kernel.now, sentAt + limit), "the timeout of an XMLHttpRequest", () => {
      const state = stateOf(request);
      if (limited.round === round && state !== DONE && state !== UNSENT && realm.alive()) setLimit(request, 1);
    });
  };

  patch(prototype, "timeout", {
    __proto__: null,
    get() {
      stateOf(this); // throws where there is no request
      return of(this).limit;
    },
    set(value) {
      setLimit(this, value); // throws where a limit is not allowed
      const limit = NativeNumber(value) >>> 0;
      setLimit(this, 0);
      of(this).limit = limit;
      schedule(this, of(this));
    },
  });
  after(prototype, "open", (request, args) => {
    const limited = of(request);
    limited.sentAt = undefined;
    limited.round += 1;
    limited.url = args.length > 1 ? args[1] : "";
  });
  after(prototype, "send", (request) => {
    const limited = of(request);
    if (stateOf(request) === DONE) return; // it was synchronous
    limited.sentAt = kernel.now;
    if (limited.limit > 0) realm.noteAbortable(limited.url);
    schedule(request, limited);
  });
}
