/** How the index grew: documents, experts and their weights by version, under one cursor. */

import { chart, figures } from "./chart.js";
import { element, fill, foreign } from "./element.js";
import { age, count, moment } from "./words.js";

/** @typedef {import("./facts.js").Version} Version */

/**
 * @param {Element} room @param {Version[]} versions
 * @param {import("./cursor.js").Cursor} cursor
 */
export function showGrowth(room, versions, cursor) {
  const plots = [
    plot("documents", versions, (one) => one.documents),
    plot("experts", versions, (one) => one.experts),
    plot("expert weights", versions, (one) => one.expert_parameters),
  ];
  fill(room,
    versions.length < 2 && element("p", { class: "soft" },
      "One version so far: the first corpus. The next night will be the second point."),
    slider(versions, cursor),
    element("div", { class: "charts" }, plots.map((each) => chart(each, cursor))),
    figures(plots, versions.map((one) => one.version)));
}

/** @param {string} title @param {Version[]} versions @param {(one: Version) => number} value */
function plot(title, versions, value) {
  const values = versions.map(value);
  const [first, last] = [versions[0].version, versions[versions.length - 1].version];
  return {
    title: `${title[0].toUpperCase()}${title.slice(1)}`,
    told: `${title} by version: ${count(values[0])} in version ${first}, `
      + `${count(values[values.length - 1])} in version ${last}.`,
    form: /** @type {const} */ ("steps"),
    series: [{ name: title, values }],
    format: short,
  };
}

/** @param {number} value  Figures beside an axis: 8,283, 812k, 1.4M. */
function short(value) {
  if (value >= 1e6) return `${(value / 1e6).toFixed(2).replace(/\.?0+$/, "")}M`;
  return value >= 1e5 ? `${Math.round(value / 1e3)}k` : count(value);
}

/** @param {Version[]} versions @param {import("./cursor.js").Cursor} cursor */
function slider(versions, cursor) {
  const input = element("input", {
    type: "range", id: "looked-at", min: 0, max: versions.length - 1, value: cursor.place,
    disabled: versions.length < 2, input: () => cursor.move(Number(input.value)),
  });
  const told = element("output", { for: "looked-at", class: "looked-at" });
  cursor.watch((_, place) => {
    const one = versions[place];
    input.value = String(place);
    input.setAttribute("aria-valuetext", `version ${one.version}: ${one.documents} documents, `
      + `${one.experts} experts, ${one.expert_parameters} weights`);
    fill(told, element("b", {}, `version ${one.version}`), ` ${moment(one.time)}, ${age(one.time)} ago: `,
      foreign(one.reason));
  });
  return element("div", { class: "slider" },
    element("label", { for: "looked-at" }, "Look at version"), input, told);
}
