/**
 * The matrix of quality: a column for every candidate that a gate judged, a row for every kind.
 * The gate sets are held-out queries of the store itself; no test query is ever seen here.
 */

import { element, fill, foreign } from "./element.js";
import { count, points } from "./words.js";

/** @typedef {import("./facts.js").Whole} Whole */
/** @typedef {import("./facts.js").Gate} Gate */

/** @typedef {{version: number, own: string, name: string, expert: string | null, outcome: string, gate: Gate}} Trial */

/** @param {Element} room @param {Whole[]} wholes  Oldest first. */
export function showGate(room, wholes) {
  const kinds = kindsOf(wholes);
  const trials = wholes.flatMap(trialsOf);
  if (!trials.length) {
    fill(room, element("p", { class: "soft" },
      "Nothing has been judged yet: the gate is asked once an expert has been taught."));
    return;
  }
  fill(room,
    element("p", { class: "soft" },
      "Points of nDCG@10 on held-out queries, candidate against what was live: outlined, what the "
      + "candidate gained for its own kind, with the 90 % interval; else what other kinds would have "
      + "gained or lost by it. Newest first."),
    element("div", { class: "wide", tabindex: 0, role: "region", "aria-labelledby": "gate-title" },
      matrix(kinds, trials.reverse())));
}

/** @param {Whole[]} wholes @returns {Map<string, string>} Every kind there ever was, id to name. */
function kindsOf(wholes) {
  const all = wholes.flatMap((whole) => Object.entries(whole.facts.kinds ?? {}));
  return new Map(all.sort(([a], [b]) => a.localeCompare(b, "en", { numeric: true })));
}

/** @param {Whole} whole @returns {Trial[]} */
function trialsOf({ version, outcomes, facts }) {
  const ids = new Map(Object.entries(facts.kinds ?? {}).map(([id, name]) => [name, id]));
  return outcomes.filter((one) => one.gate).map((one) => ({
    version, own: one.kind_id ?? ids.get(one.kind) ?? "", name: one.kind, expert: one.expert,
    outcome: one.outcome, gate: /** @type {Gate} */ (one.gate),
  }));
}

/** @param {Map<string, string>} kinds @param {Trial[]} trials */
function matrix(kinds, trials) {
  return element("table", { class: "matrix" },
    element("thead", {},
      element("tr", {}, element("th", { scope: "col" }, "kind"), trials.map(heading))),
    element("tbody", {}, [...kinds].map(([id, name]) => element("tr", {},
      element("th", { scope: "row" }, element("span", { class: "id" }, id), " ", foreign(name)),
      trials.map((trial) => cell(trial, id))))),
    element("tfoot", {},
      footing("before", trials, ({ gate }) => (100 * gate.live).toFixed(1)),
      footing("with it", trials, ({ gate }) => (100 * gate.candidate).toFixed(1)),
      footing("queries", trials, ({ gate }) => count(gate.queries) + (gate.synthetic ? " made" : ""))));
}

/** @param {Trial} trial */
function heading({ version, expert, outcome, gate }) {
  const wish = gate.accepted ? outcome : "refused";
  return element("th", { scope: "col", class: gate.accepted ? "" : "refused" },
    element("span", { class: "id" }, `v${version}`), element("br"), expert ?? "–",
    element("br"), element("span", { class: `outcome ${wish}` }, wish));
}

/** @param {Trial} trial @param {string} id */
function cell({ own, gate }, id) {
  if (id === own) {
    return element("td", { class: `own ${shade(gate.gain)}` }, element("b", {}, points(gate.gain)),
      element("small", {}, between(gate.interval)));
  }
  const loss = gate.losses[id];
  if (!loss) return element("td", { class: "none" }, element("span", { class: "unseen" }, "not judged"));
  const [mean, low, high] = loss;
  return element("td", { class: shade(mean) }, points(mean),
    low === 0 && high === 0 ? null : element("small", {}, between([low, high])));
}

/** @param {[number, number]} interval */
function between([low, high]) {
  return `${points(low)} to ${points(high)}`;
}

/** @param {number} change  How strongly a cell is tinted: by whole points. */
function shade(change) {
  const size = [0.002, 0.01, 0.03].filter((least) => Math.abs(change) >= least).length;
  return size ? `${change > 0 ? "gain" : "loss"}-${size}` : "still";
}

/** @param {string} name @param {Trial[]} trials @param {(trial: Trial) => string} value */
function footing(name, trials, value) {
  return element("tr", {}, element("th", { scope: "row" }, name),
    trials.map((trial) => element("td", {}, value(trial))));
}
