// Files that the clock reads for a page at once, while the parser waits: nested compositions, and what they name.

/** What reads files. Whether one is there is asked once. */
function createFiles() {
  const Request = XMLHttpRequest;
  const open = methodOf(XMLHttpRequest.prototype, "open");
  const send = methodOf(XMLHttpRequest.prototype, "send");
  const statusOf = getterOf(XMLHttpRequest.prototype, "status");
  const textOf = getterOf(XMLHttpRequest.prototype, "responseText");
  const addressOf = getterOf(XMLHttpRequest.prototype, "responseURL");

  /**
   * A file's text, in UTF-8 unless its server says otherwise, with the status of the answer and where
   * redirects have led.
   * @param {string} address
   * @param {string} [method]
   */
  function read(address, method = "GET") {
    const request = new Request();
    open(request, method, address, false);
    send(request);
    return { __proto__: null, status: statusOf(request), text: textOf(request), location: addressOf(request) };
  }

  /** @type {SafeMap<string, boolean>} by their addresses */
  const known = new SafeMap();
  /** @param {string} address */
  function isThere(address) {
    const before = known.get(address);
    if (before !== undefined) return before;
    let found = false;
    try {
      const { status } = read(address, "HEAD");
      found = status >= 200 && status <= 299;
    } catch {
      // it cannot be reached
    }
    known.set(address, found);
    return found;
  }

  return { __proto__: null, read, isThere };
}
