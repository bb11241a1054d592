// What a page makes of the answers to its fetch() that say that a file is not there, for suspects.py.
//
// fetch() fulfils its promise with such an answer, and the page goes on. One that asks for ok or status knows of it. So
// does one that reads the answer as JSON: that fails, and is an uncaught error unless the page catches it. But one that
// takes the text of the answer without a question takes the server's words of regret for the file.

{
  const { prototype } = Response;
  const isGood = getterOf(prototype, "ok");
  const statusOf = getterOf(prototype, "status");
  const urlOf = getterOf(prototype, "url");
  const MOST = 1000;

  /** @typedef {{ __proto__: null, asked: boolean, taken: boolean }} Account */
  /** @type {SafeWeakMap<Response, Account>} of answers that say that a file is not there */
  const accounts = new SafeWeakMap();
  /** @type {SafeMap<string, Account[]>} by the files' keys */
  const failures = new SafeMap();

  /** @param {Response} response */
  function note(response) {
    if (isGood(response) || statusOf(response) < 400 || failures.size >= MOST) return;
    const account = { __proto__: null, asked: false, taken: false };
    const key = fileKey(urlOf(response));
    const known = failures.get(key) ?? list();
    if (known.length < MOST) append(known, account);
    failures.set(key, known);
    accounts.set(response, account);
  }
  after(ownerOf("fetch"), "fetch", (_scope, _args, response) => whenSettled(response, note, ignore));
  after(prototype, "clone", (response, _args, copy) => {
    const account = accounts.get(/** @type {Response} */ (response));
    if (account) accounts.set(copy, account);
  });

  /** @type {(what: "asked" | "taken") => (response: Response) => void} */
  const noting = (what) => (response) => {
    const account = accounts.get(response);
    if (account) account[what] = true;
  };
  const noteQuestion = noting("asked");
  const noteTaken = noting("taken");
  afterRead(prototype, "ok", noteQuestion);
  afterRead(prototype, "status", noteQuestion);
  afterRead(prototype, "statusText", noteQuestion);
  afterRead(prototype, "body", noteTaken);
  after(prototype, "json", noteQuestion);
  after(prototype, "formData", noteQuestion);
  after(prototype, "text", noteTaken);
  after(prototype, "blob", noteTaken);
  after(prototype, "arrayBuffer", noteTaken);
  after(prototype, "bytes", noteTaken);

  /** @param {string} address */
  function verdictOf(address) {
    const known = failures.get(fileKey(address)) ?? list();
    let verdict = UNKNOWN;
    for (let index = 0; index < known.length; index += 1) {
      const { asked, taken } = known[index];
      verdict = max(verdict, asked ? HANDLED : taken ? SHOWN : UNUSED);
    }
    return verdict;
  }
  const { verdict } = realm;
  realm.verdict = (address, kind, isNew) => (kind === "Fetch" ? verdictOf(address) : verdict(address, kind, isNew));
}
