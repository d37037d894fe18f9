/** The list of versions, newest first: what came of each, why, at what cost, and the way back. */

import { BEEN, differenceTold } from "./difference.js";
import { element, fill, foreign } from "./element.js";
import * as facts from "./facts.js";
import { refusal } from "./refusal.js";
import { change, count, counted, duration, moment } from "./words.js";

/** @typedef {import("./facts.js").Version} Version */

const AT_ONCE = 30;
const COLUMNS = 6;

/**
 * @param {Element} room @param {Version[]} versions  Oldest first.
 * @param {(version: number) => void} takeBack  Asks before anything is taken back.
 */
export function showVersions(room, versions, takeBack) {
  const before = new Map(versions.map((one) => [one.version, one]));
  const rows = [...versions].reverse().map((one) => () => row(one, before.get(one.parent ?? 0), takeBack));
  const body = element("tbody", {});
  const more = element("button", { type: "button", class: "plain", click: unfold });

  function unfold() {
    body.append(...rows.splice(0, AT_ONCE).flatMap((make) => make()));
    if (!rows.length) more.remove();
    fill(more, `Show ${counted(Math.min(AT_ONCE, rows.length), "older version")}`);
  }

  fill(room,
    versions.length < 2 && element("p", { class: "soft" },
      "There is no second version yet, so there is nothing to take back."),
    element("table", { class: "versions" },
      element("thead", {}, element("tr", {},
        ["version", "what came of it", "documents", "experts", "took", ""].map((name, place) =>
          element("th", { scope: "col", class: place > 1 && place < 5 ? "number" : "" },
            name || element("span", { class: "unseen" }, "look, or take back"))))),
      body),
    more);
  unfold();
}

/**
 * A version and, folded, what it changed.
 * @param {Version} one @param {Version | undefined} before @param {(version: number) => void} takeBack
 */
function row(one, before, takeBack) {
  const folded = element("tr", { class: "folded", id: `changed-${one.version}`, hidden: true },
    element("td", { colspan: COLUMNS }));
  const look = element("button", {
    type: "button", class: "plain", "aria-expanded": "false", "aria-controls": folded.id,
    "aria-label": `Details of version ${one.version}`, click: () => unfold(look, folded, one),
  }, "details");
  const back = element("button", {
    type: "button", class: "plain", click: () => takeBack(one.version),
    "aria-label": `Roll back to version ${one.version}`,
  }, "roll back");
  const spent = Object.values(one.seconds).reduce((sum, seconds) => sum + seconds, 0);
  return [
    element("tr", { "data-version": one.version },
      element("th", { scope: "row" }, element("b", {}, one.version),
        one.live && element("span", { class: "mark" }, "live"),
        one.pinned && element("span", { class: "mark", title: one.pinned }, "pinned"),
        element("time", { datetime: one.time }, moment(one.time))),
      element("td", { class: "what" }, cause(one)),
      amount("documents", count(one.documents), change(one.documents - (before?.documents ?? 0))),
      amount("experts", count(one.experts), change(one.experts - (before?.experts ?? 0))),
      amount("took", spent ? duration(spent) : "–", ""),
      element("td", { class: "acts" }, look, !one.live && back)),
    folded,
  ];
}

/** @param {Version} one  Outcomes with their reasons; other verbs have a reason alone. */
function cause(one) {
  if (!one.outcomes.length) {
    return element("p", {}, element("span", { class: "outcome verb" }, one.kind), " ", foreign(one.reason));
  }
  return one.outcomes.map((part) => element("p", {},
    element("span", { class: `outcome ${part.outcome}` }, part.outcome), " ",
    part.kind !== "-" && [foreign(part.kind, { class: "kind" }), " "],
    element("span", { class: "soft" }, foreign(part.reason))));
}

/** @param {string} name @param {string} value @param {string} changed */
function amount(name, value, changed) {
  return element("td", { class: "number", "data-name": name }, value, " ",
    changed && element("small", {}, changed));
}

/** @param {HTMLElement} look @param {HTMLElement} folded @param {Version} one */
async function unfold(look, folded, one) {
  folded.hidden = !folded.hidden;
  look.setAttribute("aria-expanded", String(!folded.hidden));
  const box = folded.firstElementChild;
  if (folded.hidden || box.childElementCount) return;
  fill(box, element("p", { class: "soft", role: "status" }, "Reading…"));
  try {
    const [whole, found] = await Promise.all([
      facts.version(one.version),
      one.parent === null ? null : facts.difference(one.parent, one.version),
    ]);
    fill(box, details(whole, found));
  } catch (error) {
    fill(box, refusal(error));
  }
}

/** @param {import("./facts.js").Whole} whole @param {import("./facts.js").Difference | null} found */
function details(whole, found) {
  const spent = Object.entries(whole.seconds).filter(([, took]) => took >= 0.1)
    .map(([step, took]) => `${step} ${duration(took)}`);
  return element("div", { class: "details" },
    found && [element("h3", {}, `Changed since version ${found.a}`), differenceTold(found, BEEN)],
    whole.outcomes.length > 0 && element("h3", {}, "Where the time went"),
    whole.outcomes.length > 0 && element("p", {},
      `${counted(whole.facts.encoded, "document")} encoded; ${spent.join(", ") || "no time worth telling"}.`),
    leftOut(whole.facts.quarantined ?? []));
}

/** @param {{where: string, reason: string}[]} entries */
function leftOut(entries) {
  if (!entries.length) return null;
  const rest = entries.length - 8;
  return [element("h3", {}, `Left out: ${count(entries.length)}`), element("ul", { class: "names" },
    entries.slice(0, 8).map(({ where, reason }) => element("li", {}, foreign(where), ": ", foreign(reason))),
    rest > 0 && element("li", { class: "soft" }, `and ${count(rest)} more`))];
}
