/** A card for every expert: the text that made it, what it gained, what it costs. */

import { drawn, element, fill, foreign } from "./element.js";
import { linear } from "./scale.js";
import { count, counted, duration, moment, percent, points } from "./words.js";

/** @typedef {import("./facts.js").Expert} Expert */
/** @typedef {import("./facts.js").Version} Version */
/** @typedef {import("./facts.js").Traffic} Traffic */

/**
 * @param {Element} room @param {Expert[]} experts @param {Version[]} versions
 * @param {Traffic} traffic @param {number} encoder  Weights of the frozen encoder.
 * @param {(expert: string, verb: "approve" | "reject") => void} answer  Asks before anything is done.
 */
export function showExperts(room, experts, versions, traffic, encoder, answer) {
  if (!experts.length) {
    fill(room, element("p", { class: "soft" },
      "No expert yet: the frozen encoder serves every query. One is grown in the first night that "
      + "brings enough of a new kind, if the gate lets it."));
    return;
  }
  const span = spanOf(experts);
  const serving = experts.filter((one) => one.serves.length);
  const waiting = experts.filter((one) => one.waits);
  const resting = experts.filter((one) => !one.serves.length && !one.waits);
  fill(room,
    element("p", { class: "soft" }, "Gains are points of nDCG@10 on held-out queries when the expert "
      + "was made, with their 90 % interval, drawn on one scale."),
    waiting.length > 0 && [
      element("h3", {}, "Waiting for a person's word"),
      element("div", { class: "experts waiting" }, waiting.map((one) =>
        card(one, versions, traffic, encoder, span, words(one.name, answer)))),
    ],
    element("div", { class: "experts" },
      serving.map((one) => card(one, versions, traffic, encoder, span))),
    resting.length > 0 && element("details", {},
      element("summary", {}, `${counted(resting.length, "expert")} that nothing is served by any more`),
      element("div", { class: "experts" }, resting.map((one) => card(one, versions, traffic, encoder, span)))));
}

/** @param {string} expert @param {(expert: string, verb: "approve" | "reject") => void} answer */
function words(expert, answer) {
  return element("div", { class: "acts" },
    element("button", { type: "button", "aria-label": `Approve ${expert}`,
      click: () => answer(expert, "approve") }, "approve"),
    element("button", { type: "button", class: "plain", "aria-label": `Reject ${expert}`,
      click: () => answer(expert, "reject") }, "reject"));
}

/**
 * @param {Expert} one @param {Version[]} versions @param {Traffic} traffic @param {number} encoder
 * @param {[number, number]} span @param {Element} [acts]
 */
function card(one, versions, traffic, encoder, span, acts) {
  const kind = one.serves[0] ?? kindName(one, versions);
  return element("article", { class: "expert", id: `expert-${one.name}`, tabindex: -1 },
    element("h3", {}, one.name, " ", foreign(kind, { class: "kind" })),
    element("p", { class: "gain" },
      element("b", {}, points(one.gate.gain)), " points ",
      element("span", { class: "soft" },
        `(${points(one.gate.interval[0])} to ${points(one.gate.interval[1])})`)),
    whisker(one.gate, span),
    element("dl", {},
      fact("kind", [`${one.kind}, told by `, kind.split("-").map(separated)]),
      one.serves.length !== 1 && fact("serves",
        one.serves.length ? one.serves.map(separated) : one.waits ? "nobody yet" : "nothing any more"),
      fact("made from", nights(one, kind, versions)),
      fact("born in", born(one, versions)),
      fact("learned", `from ${counted(one.queries, "query", "queries")} in ${duration(one.seconds)}`),
      fact("judged", `on ${counted(one.gate.queries, one.gate.synthetic ? "made query" : "real query",
        one.gate.synthetic ? "made queries" : "real queries")}, ${(100 * one.gate.live).toFixed(1)} → `
        + (100 * one.gate.candidate).toFixed(1) + flipped(one.gate)),
      fact("others", worst(one)),
      fact("costs", `${count(one.parameters)} weights, ${percent(one.parameters / encoder, 1)} of the encoder`
        + (one.reencoded ? `; ${counted(one.reencoded, "document")} encoded anew` : "")),
      fact("traffic", asked(one, traffic)),
      one.share !== null && fact("words count", percent(one.share)),
      fact("method", one.method.replace("+", " and ").replace("lora", "LoRA"))),
    acts);
}

/** @param {string} name @param {import("./element.js").Child} told */
function fact(name, told) {
  return element("div", {}, element("dt", {}, name), element("dd", {}, told));
}

/** @param {string} word @param {number} place */
function separated(word, place) {
  return [place ? ", " : "", foreign(word)];
}

/** @param {Expert} one @param {Traffic} traffic */
function asked({ name }, { since, queries, by_expert }) {
  if (!queries) return `nothing was asked since ${moment(since)}`;
  return `a say in ${count(by_expert[name] ?? 0)} of ${counted(queries, "query", "queries")} `
    + `since ${moment(since)}`;
}

/** The nights whose documents were of its kind. @param {Expert} one @param {string} kind @param {Version[]} versions */
function nights(one, kind, versions) {
  const came = versions.flatMap(({ version, outcomes }) => outcomes
    .filter((part) => part.kind === kind && version <= one.born)
    .map((part) => ({ version, documents: part.documents })));
  if (!came.length) return "what older versions held";
  const all = came.reduce((sum, { documents }) => sum + documents, 0);
  const shown = came.slice(-4).map(({ version, documents }) => `${count(documents)} in version ${version}`);
  return `${counted(all, "document")}: ${shown.join(", ")}`;
}

/** @param {Expert} one @param {Version[]} versions */
function born(one, versions) {
  const version = versions.find((each) => each.version === one.born);
  const from = one.parent ? `, a revision of ${one.parent}` : "";
  return `version ${one.born}${version ? `, ${moment(version.time)}` : ""}${from}`;
}

/** Its kind's name where it serves none any more. @param {Expert} one @param {Version[]} versions */
function kindName(one, versions) {
  const parts = versions.flatMap((each) => each.outcomes);
  return parts.find((part) => part.expert === one.name)?.kind ?? one.kind;
}

/** @param {import("./facts.js").Gate} gate  Versions of nightshift 0.1 counted none. */
function flipped({ better, worse }) {
  return better === undefined ? "" : `; ${count(better)} better, ${count(worse)} worse`;
}

/** What the kind that lost most by it lost. @param {Expert} one */
function worst({ gate }) {
  const losses = Object.entries(gate.losses).sort(([, [a]], [, [b]]) => a - b);
  if (!losses.length) return "no other kind to hurt";
  const [kind, [mean, low, high]] = losses[0];
  if (points(mean) === "0.0" || mean > 0) {
    return losses.length === 1 ? "the one other kind loses nothing" : `none of ${losses.length} other kinds loses`;
  }
  return `at worst ${points(mean)} (${points(low)} to ${points(high)}) for ${kind}`;
}

/** @param {Expert[]} experts @returns {[number, number]} One scale for all. */
function spanOf(experts) {
  const ends = experts.flatMap(({ gate }) => gate.interval);
  return [Math.min(0, ...ends), Math.max(0.01, ...ends)];
}

/** The gain and its interval on the scale that all cards share. */
function whisker({ gain, interval: [low, high] }, span) {
  const x = linear(span, [4, 236]);
  return drawn("svg", { class: "whisker", viewBox: "0 0 240 16", "aria-hidden": "true" },
    drawn("line", { class: "zero", x1: x(0), x2: x(0), y1: 1, y2: 15 }),
    drawn("line", { class: "ground", x1: 4, x2: 236, y1: 8, y2: 8 }),
    drawn("line", { class: "reach", x1: x(low), x2: x(high), y1: 8, y2: 8 }),
    drawn("circle", { cx: x(gain), cy: 8, r: 4 }));
}
