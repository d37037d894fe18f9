/** The search box: hits with passage, route and both legs; the same query under two versions. */

import { element, fill, foreign, visible } from "./element.js";
import * as facts from "./facts.js";
import { refusal } from "./refusal.js";
import { counted, percent, signed } from "./words.js";

/** @typedef {import("./facts.js").Hit} Hit */
/** @typedef {import("./facts.js").Answer & {version: number}} Answer */

const DEEP = [5, 10, 20, 50];
/** Letters of a passage that fit on the lines shown. */
const SHORT = 160;
const LEGS = { both: "vectors and words", dense: "vectors alone", lexical: "words alone" };

/**
 * The box is made once; afterwards it learns which versions there are and keeps what was typed.
 * @param {Element} room
 * @returns {(versions: import("./facts.js").Version[]) => void}
 */
export function searchBox(room) {
  const version = element("select", { name: "version" });
  const beside = element("select", { name: "beside" });
  const status = element("p", { role: "status", class: "soft" });
  const results = element("div", { class: "results" });
  const form = element("form", { role: "search", class: "ask", submit: ask },
    element("label", { class: "query" }, element("span", {}, "Query"),
      element("input", { type: "search", name: "query", required: true, pattern: ".*\\S.*", autocomplete: "off" })),
    element("button", { type: "submit" }, "Search"),
    element("div", { class: "more" },
      labelled("under", version), labelled("beside", beside),
      labelled("by", element("select", { name: "leg" },
        Object.entries(LEGS).map(([value, told]) => element("option", { value }, told)))),
      labelled("first", element("select", { name: "k" },
        DEEP.map((k) => element("option", { value: k, selected: k === 10 }, k)))),
      labelled("instruction", element("input", { name: "instruction", autocomplete: "off", placeholder: "a batch’s label" }))));
  fill(room, form, status, results);

  let latest = 0;

  /** @param {Event} event */
  async function ask(event) {
    event.preventDefault();
    const mine = ++latest;
    const given = Object.fromEntries(new FormData(form));
    const instruction = String(given.instruction).trim();
    const asked = { query: String(given.query), k: Number(given.k), leg: String(given.leg), ...(instruction && { instruction }) };
    const under = [given.version, given.beside].filter(Boolean).map(Number);
    fill(status, "Searching…");
    try {
      const answers = await Promise.all(under.map((one) => facts.search({ ...asked, version: one })));
      if (mine !== latest) return;
      fill(status, summary(answers));
      fill(results, answers.map((answer, place) => column(answer, answers[1 - place])));
    } catch (error) {
      if (mine !== latest) return;
      fill(status);
      fill(results, refusal(error));
    }
  }

  return (versions) => {
    const numbers = versions.map((one) => one.version).reverse();
    offer(version, numbers.map((one, place) => [one, place ? `version ${one}` : `version ${one}, live`]));
    offer(beside, [["", "no other version"], ...numbers.slice(1).map((one) => [one, `version ${one}`])]);
    beside.disabled = versions.length < 2;
  };
}

/** @param {string} name @param {Element} field */
function labelled(name, field) {
  return element("label", {}, element("span", {}, name), field);
}

/**
 * New options; what was chosen stays chosen, unless it was the newest: that follows.
 * @param {HTMLSelectElement} select @param {(string | number)[][]} options
 */
function offer(select, options) {
  const [chosen, first] = [select.value, select.selectedIndex < 1];
  fill(select, options.map(([value, told]) => element("option", { value }, told)));
  if (!first && options.some(([value]) => String(value) === chosen)) select.value = chosen;
}

/** @param {Answer[]} answers */
function summary(answers) {
  const [one, other] = answers;
  const told = `${counted(one.hits.length, "document")} from version ${one.version}`;
  if (!other) return `${told}.`;
  const same = one.hits.filter((hit) => place(other.hits, hit) === hit.rank).length;
  return `${told}, ${other.hits.length} from version ${other.version}; ${same} at the same rank.`;
}

/** @param {Answer} answer @param {Answer | undefined} other */
function column(answer, other) {
  return element("section", { class: "column", "aria-label": `Version ${answer.version}` },
    element("h3", {}, `Version ${answer.version}`),
    routeTold(answer),
    answer.hits.length
      ? element("ol", { class: "hits" }, answer.hits.map((hit) => found(hit, other)))
      : element("p", { class: "soft" }, "Nothing found."));
}

/** @param {Answer} answer */
function routeTold({ route, share }) {
  const experts = Object.entries(route).sort(([, a], [, b]) => b - a);
  return element("p", { class: "route" }, "Asked by ",
    experts.flatMap(([name, weight], place) => [place ? ", " : "",
      name === "frozen" ? "the frozen encoder" : element("a", { href: `#expert-${name}` }, visible(name)),
      " ", element("b", {}, percent(weight))]),
    share === null ? "" : ["; its words count ", element("b", {}, percent(share))]);
}

/** @param {Hit} hit @param {Answer | undefined} other */
function found(hit, other) {
  const passage = element("p", { class: "passage", dir: "auto" }, visible(hit.text));
  return element("li", {},
    element("span", { class: "rank" }, hit.rank),
    element("div", {},
      element("p", { class: "title" }, foreign(hit.title || hit.id, { dir: "auto" }),
        other && moved(hit, other), hit.title && foreign(hit.id, { class: "id" })),
      passage,
      element("p", { class: "legs" },
        hit.text.length > SHORT && unfolding(passage),
        hit.dense && standing("vectors", hit.dense), hit.lexical && standing("words", hit.lexical),
        element("span", {}, hit.dense ? "= " : "score ", element("data", { value: hit.score }, signed(hit.score).replace("+", ""))))));
}

/** The rest of a passage is a key away. @param {Element} passage */
function unfolding(passage) {
  const button = element("button", { type: "button", class: "plain", "aria-expanded": "false", click: () => {
    const open = passage.classList.toggle("open");
    button.setAttribute("aria-expanded", String(open));
    fill(button, open ? "less" : "more");
  } }, "more");
  return button;
}

/** What a leg adds to the score, its rank there, and its own score. @param {string} leg @param {import("./facts.js").Standing} told */
function standing(leg, { rank, score, adds }) {
  return element("span", {}, element("b", {}, signed(adds)), ` ${leg} `,
    rank === null ? "not found" : `#${rank} (${Number(score).toFixed(2)})`);
}

/** @param {Hit[]} hits @param {Hit} hit  Its rank among others, if it is there. */
function place(hits, hit) {
  return hits.find((one) => one.id === hit.id && one.source === hit.source)?.rank;
}

/** Where a hit stands in this version, seen from the other. @param {Hit} hit @param {Answer} other */
function moved(hit, other) {
  const there = place(other.hits, hit);
  const than = ` than in version ${other.version}`;
  if (there === undefined) {
    return mark("apart", "only here", `: version ${other.version} does not find it among its first`);
  }
  if (there === hit.rank) return mark("same", "=", ` the same rank as in version ${other.version}`);
  const by = Math.abs(there - hit.rank);
  return there > hit.rank ? mark("higher", `▲ ${by}`, ` ranks higher${than}`)
    : mark("lower", `▼ ${by}`, ` ranks lower${than}`);
}

/** @param {string} name @param {string} shown @param {string} said  What the mark means, for who does not see it. */
function mark(name, shown, said) {
  return element("span", { class: `moved ${name}` }, shown, element("span", { class: "unseen" }, said));
}
