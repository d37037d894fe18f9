/** What lies between two versions, as sentences and short lists. */

import { element, foreign } from "./element.js";
import { counted } from "./words.js";

/** @typedef {import("./facts.js").Difference} Difference */

const SHOWN = 8;
const DOCUMENTS = [["added", "+"], ["removed", "−"], ["changed", "~"]];

/**
 * @param {Difference} found
 * @param {{documents?: boolean}} [parts]  Without documents: what the modules alone change.
 */
export function differenceTold(found, { documents = true } = {}) {
  const lists = documents ? DOCUMENTS.map(([what, sign]) => named(what, sign, found[what])) : [];
  const lines = [
    ...Object.entries(found.experts).map(([name, told]) => ["expert ", foreign(name), ` ${told}`]),
    ...Object.entries(found.kinds).map(([id, told]) => ["kind ", foreign(id), " ", foreign(told)]),
    ...Object.entries(found.settings).map(([name, [then, now]]) =>
      ["setting ", foreign(name), ": ", foreign(`${then} → ${now}`)]),
    found.encoders[0] !== found.encoders[1]
      && ["encoder: ", foreign(found.encoders[0]), " → ", foreign(found.encoders[1])],
  ].filter(Boolean);
  const anything = lines.length || lists.some(Boolean);
  return element("div", { class: "difference" },
    lists,
    lines.length > 0 && element("ul", {}, lines.map((line) => element("li", {}, line))),
    !documents && element("p", {}, "The documents stay as they are."),
    !anything && element("p", {},
      documents ? "The same documents and the same modules." : "The modules are the same."));
}

/** @param {string} what @param {string} sign @param {[string, string][]} keys */
function named(what, sign, keys) {
  if (!keys.length) return null;
  const rest = keys.length - SHOWN;
  return element("details", {},
    element("summary", {}, `${counted(keys.length, "document")} ${what}`),
    element("ul", { class: "names" },
      keys.slice(0, SHOWN).map(([source, id]) => element("li", {},
        `${sign} `, foreign(id), " ", foreign(source, { class: "soft" }))),
      rest > 0 && element("li", { class: "soft" }, `and ${counted(rest, "more", "more")}`)));
}
