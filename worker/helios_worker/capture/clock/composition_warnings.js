// What a composition of HyperFrames asks for that its film does not have, for its author.

/** @typedef {(clip: Element, time: ClipTime) => void} Step */

/**
 * What says so for a film of some seconds.
 * @param {(root: Element, seconds: number, step: Step) => void} visit
 * @param {() => Element | null} root
 * @returns {(seconds: number) => string[]}
 */
function createCompositionWarnings(visit, root) {
  const all = methodOf(Document.prototype, "querySelectorAll");
  const nodesIn = getterOf(NodeList.prototype, "length");
  const attributeOf = methodOf(Element.prototype, "getAttribute");
  const nameOf = getterOf(Element.prototype, "localName");
  const MOST = 20;
  const DRAWN = "it is drawn without that";
  const HEARD = "it is heard without that";
  const UNSUPPORTED = list(
    { __proto__: null, name: "data-color-grading", instead: DRAWN },
    { __proto__: null, name: "data-vfx-chain", instead: DRAWN },
    { __proto__: null, name: "data-fx-chain", instead: HEARD },
    { __proto__: null, name: "data-automation", instead: HEARD },
    { __proto__: null, name: "data-audio-group", instead: HEARD },
  );

  /** An element in few words. @param {Element} element @param {string} attribute */
  function inFewWords(element, attribute) {
    const id = attributeOf(element, "id") || attributeOf(element, "data-composition-id");
    const source = attributeOf(element, "src");
    const name = id ? ` id="${id}"` : source ? ` src="${source}"` : "";
    return stringSlice(`<${nameOf(element)}${name} ${attribute}="${attributeOf(element, attribute)}">`, 0, 200);
  }

  return (seconds) => {
    /** @type {string[]} */
    const found = list();
    const outermost = root();
    if (outermost === null) return found;
    visit(outermost, 0, (clip, { from, until }) => {
      if (nameOf(clip) === "audio" || (from < seconds && from < until) || found.length >= MOST) return;
      const when = from < until ? `it begins at ${from} s, and the film ends at ${seconds} s` : "its time and that of what it lies in do not meet";
      append(found, `${inFewWords(clip, "data-start")} is never shown: ${when}`);
    });
    for (let index = 0; index < UNSUPPORTED.length; index += 1) {
      const { name, instead } = UNSUPPORTED[index];
      const elements = all(document, `[${name}]`);
      for (let at = 0; at < nodesIn(elements) && found.length < MOST; at += 1) {
        append(found, `${inFewWords(elements[at], name)}: ${name} is not supported; ${instead}`);
      }
    }
    return found;
  };
}
