/** What lies between two versions, as sentences and short lists. */

import { element, foreign } from "./element.js";
import { counted } from "./words.js";

/** @typedef {import("./facts.js").Difference} Difference */

const SHOWN = 8;
const SIGNS = { added: "+", removed: "−", changed: "~" };

/** How what became of documents is said: of what has been, and of what would be. */
export const BEEN = { added: "added", removed: "removed", changed: "changed" };
export const TO_COME = { added: "will be back", removed: "will be gone", changed: "will be as they were" };

/**
 * @param {Difference} found
 * @param {typeof BEEN | null} said  None: what the modules alone change.
 */
export function differenceTold(found, said) {
  const lists = Object.entries(said ?? {}).map(([what, told]) => named(told, SIGNS[what], found[what]));
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
    !said && element("p", {}, "The documents stay as they are."),
    !anything && element("p", {},
      said ? "The same documents and the same modules." : "The modules are the same."));
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
