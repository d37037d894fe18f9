/** What happened last night, in one sentence, and the figures of the version that is live. */

import { element, fill, foreign } from "./element.js";
import { age, count, counted, duration, listed, moment, points } from "./words.js";

/** @typedef {import("./facts.js").Version} Version */
/** @typedef {import("./facts.js").Outcome} Outcome */

const A_DAY_AND_A_HALF = 36 * 3600 * 1000;

/**
 * The nights of the last run, a version for each of its batches, oldest first.
 * @param {Version[]} versions
 */
export function lastShift(versions) {
  const last = versions.findLast((one) => one.kind === "night");
  return versions.filter((one) => one === last || (last?.shift && one.shift === last.shift));
}

/**
 * @param {Element} room @param {Version[]} versions
 * @param {import("./facts.js").Whole[]} nights  Those of the last run, whole.
 */
export function showNight(room, versions, nights) {
  const live = versions[versions.length - 1];
  const night = nights.length ? together(nights) : undefined;
  fill(room,
    element("p", { class: "sentence", id: "sentence" }, night ? told(night) : beginning(live)),
    since(versions, night),
    strip(live, night));
}

/**
 * @typedef {object} Shift  What the nights of a run come to.
 * @property {number} version
 * @property {string} time
 * @property {Outcome[]} outcomes
 * @property {Record<string, number>} documents
 * @property {Record<string, number>} seconds
 */

/** @param {import("./facts.js").Whole[]} nights @returns {Shift} */
function together(nights) {
  const { version, time } = nights[nights.length - 1];
  return {
    version,
    time,
    outcomes: settled(nights).reduce(joined, []),
    documents: sums(nights.map((one) => one.facts.documents ?? {})),
    seconds: sums(nights.map((one) => one.seconds)),
  };
}

/**
 * The outcomes of all, but for documents that waited until a later batch settled them.
 * @param {import("./facts.js").Whole[]} nights
 */
function settled(nights) {
  const last = nights[nights.length - 1];
  const outcomes = nights.flatMap((one) => one.outcomes);
  const waited = outcomes.filter((one) => one.outcome === "wait").reduce((sum, one) => sum + one.documents, 0);
  return waited <= last.facts.waiting
    ? outcomes
    : outcomes.filter((one) => one.outcome !== "wait" || last.outcomes.includes(one));
}

/**
 * What happened to a kind twice in the same way, without a trial, is told once.
 * @param {Outcome[]} before @param {Outcome} one
 */
function joined(before, one) {
  const alike = (other) => !one.gate && !other.gate && one.outcome !== "quarantine"
    && one.outcome === other.outcome && one.kind === other.kind && one.expert === other.expert;
  return before.some(alike)
    ? before.map((other) => alike(other) ? { ...other, documents: other.documents + one.documents } : other)
    : [...before, one];
}

/** @param {Record<string, number>[]} counts @returns {Record<string, number>} */
function sums(counts) {
  const names = new Set(counts.flatMap((one) => Object.keys(one)));
  return Object.fromEntries([...names].map((name) =>
    [name, counts.reduce((sum, one) => sum + (one[name] ?? 0), 0)]));
}

/** @param {Version} live */
function beginning(live) {
  return `No night has been lived through yet: version ${live.version} holds the first corpus, `
    + `${counted(live.documents, "document")}, served by the frozen encoder.`;
}

/** @param {Shift} night  Parts of a sentence; what others wrote is set apart. */
function told(night) {
  const recent = Date.now() - Date.parse(night.time) < A_DAY_AND_A_HALF;
  const when = recent ? "Last night" : `In the last night, ${age(night.time)} ago,`;
  const gone = night.documents.deleted ?? 0;
  const leaving = gone ? [`; ${counted(gone, "document was", "documents were")} taken out`] : [];
  const [one, ...others] = night.outcomes.map((part) => ({ ...part, ...fate(part) }));
  if (!one) return [`${when} nothing came that had to be decided`, ...leaving, "."];
  if (!others.length) {
    const noun = one.documents === 1 ? "document" : "documents";
    return [`${when} ${count(one.documents)} ${noun} `, one.subject, "came and ", one.verb, ...leaving, "."];
  }
  const decided = night.outcomes.reduce((sum, part) => sum + part.documents, 0);
  const { added = 0, updated = 0, quarantined = 0 } = night.documents;
  const waited = Math.max(0, decided - added - updated - quarantined);
  const came = waited
    ? `${counted(decided - waited, "document")} came, ${count(waited)} had waited`
    : `${counted(decided, "document")} came`;
  const parts = [one, ...others].map((part, place) => [
    ["", ", and ", ", "][place === 0 ? 0 : place === others.length ? 1 : 2],
    `${count(part.documents)} `, part.subject, part.verb]);
  return [`${when} ${came}: `, parts, ...leaving, "."];
}

/**
 * What a part of the night was, and what became of it.
 * @param {Outcome} one @returns {{subject: any, verb: any}}
 */
function fate(one) {
  const kind = foreign(one.kind, { class: "kind" });
  const gain = one.gate ? ` (${points(one.gate.gain)} points of nDCG@10)` : "";
  const refused = one.gate && !one.gate.accepted;
  switch (one.outcome) {
    case "spawn":
      return { subject: ["of a new kind, ", kind, ", "], verb: `were given an expert of their own, ${one.expert}${gain}` };
    case "refine":
      return { subject: ["of ", kind, " "], verb: `taught its expert anew, now ${one.expert}${gain}` };
    case "reuse":
      return { subject: ["of ", kind, " "], verb: `are served by ${one.expert}${refused ? ", whose revision the gate refused" : ""}` };
    case "absorb":
      return { subject: ["of ", kind, " "], verb: `are served by the frozen encoder${refused ? ", for the gate refused an expert" : ""}` };
    case "wait":
      return { subject: "of something new ", verb: "wait until there are enough to learn from" };
    case "quarantine":
      return { subject: "", verb: ["were left out: ", foreign(one.reason.replace(/; \.\.\.$/, " and more"))] };
    default:
      return { subject: ["of ", kind, " "], verb: foreign(one.reason) };
  }
}

/** What other versions came after the night. @param {Version[]} versions @param {Shift} [night] */
function since(versions, night) {
  const later = night ? versions.filter((one) => one.version > night.version) : [];
  if (!later.length) return null;
  return element("p", { class: "since" }, "Since then: ", later.slice(-3).flatMap((one, place) =>
    [place ? "; " : "", `${one.kind} (version ${one.version}), `, foreign(one.reason)]), ".");
}

/** @param {Version} live @param {Shift} [night] */
function strip(live, night) {
  const spent = night ? Object.values(night.seconds).reduce((sum, one) => sum + one, 0) : 0;
  const figures = [
    ["live version", String(live.version), moment(live.time)],
    ["its age", age(live.time), ""],
    ["documents", count(live.documents), ""],
    ["experts", count(live.experts), `${count(live.expert_parameters)} weights`],
    night && ["the night took", duration(spent), longest(night)],
  ].filter(Boolean);
  return element("dl", { class: "strip" }, figures.map(([name, value, more]) =>
    element("div", {}, element("dt", {}, name), element("dd", {}, element("b", {}, value),
      more && element("span", { class: "soft" }, more)))));
}

/** @param {Shift} night */
function longest(night) {
  const steps = Object.entries(night.seconds).sort(([, a], [, b]) => b - a).slice(0, 2);
  return listed(steps.filter(([, took]) => took >= 0.1).map(([step, took]) => `${step} ${duration(took)}`));
}
