/**
 * A small chart: figures by version as a stepped line, or as bars side by side, drawn at the width
 * that it has. What it shows is said in words for who does not see it, and stands in a table beside.
 */

import { drawn, element, fill } from "./element.js";
import { linear, some, ticks } from "./scale.js";

/** @typedef {import("./cursor.js").Cursor} Cursor */

/**
 * @typedef {object} Series
 * @property {string} name
 * @property {(number | null)[]} values  One for each version; null where there is none.
 */

/**
 * @typedef {object} Plot
 * @property {string} title
 * @property {string} told  What the chart shows, in a sentence.
 * @property {"steps" | "bars"} form
 * @property {Series[]} series
 * @property {(value: number) => string} format
 * @property {string} [unit]  What stands on the vertical axis, where the title does not say it.
 * @property {{at: number, name: string}} [threshold]
 * @property {{at: boolean[], name: string}} [marked]  Versions marked above the plot.
 * @property {number} [height]
 */

const MARGIN = { top: 22, right: 10, bottom: 34, left: 46 };
const BETWEEN_LABELS = 30;
let made = 0;

/**
 * A figure that draws itself, and again whenever its width changes.
 * @param {Plot} plot @param {Cursor} cursor
 */
export function chart(plot, cursor) {
  const readout = element("output", { class: "readout" });
  const box = element("div", { class: "plot" });
  const figure = element("figure", { class: "chart" },
    element("figcaption", {}, element("h3", {}, plot.title), readout), box);
  let hair = null;
  cursor.watch((_, place) => {
    fill(readout, read(plot, place));
    hair?.(place);
  });
  new ResizeObserver(() => {
    hair = draw(box, plot, cursor);
    hair(cursor.place);
  }).observe(box);
  return figure;
}

/** The figures of one version; several series are told apart by name and colour. */
function read({ series, format }, place) {
  const told = series.map(({ values }) => (values[place] === null ? "–" : format(values[place])));
  if (series.length === 1) return told;
  return series.map(({ name }, nth) => element("span", {},
    drawn("svg", { class: "swatch", "aria-hidden": "true" }, drawn("rect", { class: `bar nth-${nth % 4}` })),
    element("span", { class: "soft" }, `${name} `), told[nth]));
}

/**
 * Draw into the box; how to move the hair that marks the version looked at.
 * @param {Element} box @param {Plot} plot @param {Cursor} cursor
 * @returns {(place: number) => void}
 */
function draw(box, plot, cursor) {
  const [width, height] = [Math.max(box.clientWidth, 160), plot.height ?? 150];
  const steps = ticks(greatest(plot));
  const last = Math.max(1, cursor.versions.length - 1);
  const slot = (width - MARGIN.left - MARGIN.right) / (last + 1);
  const x = linear([0, last], [MARGIN.left + slot / 2, width - MARGIN.right - slot / 2]);
  const y = linear([0, steps.at(-1)], [height - MARGIN.bottom, MARGIN.top]);
  const hair = drawn("line", { class: "hair", y1: MARGIN.top, y2: y(0) });
  const id = `chart-${++made}`;
  const svg = drawn("svg",
    { width, height, role: "img", "aria-labelledby": `${id}-title ${id}-told` },
    drawn("title", { id: `${id}-title` }, plot.title),
    drawn("desc", { id: `${id}-told` }, plot.told),
    steps.map((tick) => across(tick, y(tick), width, plot.format)),
    downward(cursor.versions, x, slot, height),
    hair,
    plot.form === "bars" ? bars(plot, x, y, slot) : plot.series.map((one) => line(one, x, y, slot)),
    plot.threshold && threshold(plot.threshold, y(plot.threshold.at), width),
    plot.marked && marks(plot.marked, x));
  svg.addEventListener("pointermove", (event) => {
    const across = event.clientX - svg.getBoundingClientRect().left - MARGIN.left;
    cursor.move(Math.floor(across / slot));
  });
  fill(box, svg);
  return (place) => {
    hair.setAttribute("x1", String(x(place)));
    hair.setAttribute("x2", String(x(place)));
  };
}

/** @param {Plot} plot */
function greatest({ series, threshold }) {
  const values = series.flatMap((one) => one.values.map((value) => value ?? 0));
  return values.reduce((most, value) => Math.max(most, value), 2 * (threshold?.at ?? 0));
}

/** A horizontal line with its figure. */
function across(tick, y, width, format) {
  return drawn("g", { class: "tick" },
    drawn("line", { x1: MARGIN.left, x2: width - MARGIN.right, y1: y, y2: y }),
    drawn("text", { x: MARGIN.left - 6, y: y + 4, "text-anchor": "end" }, format(tick)));
}

/** The versions below the plot, as many as can be read. */
function downward(versions, x, slot, height) {
  const room = Math.floor((slot * versions.length) / BETWEEN_LABELS);
  const shown = new Set(some(versions, room));
  const y = height - MARGIN.bottom + 14;
  const labels = versions.map((version, place) =>
    shown.has(version) && drawn("text", { x: x(place), y, "text-anchor": "middle" }, version));
  const name = drawn("text", { x: MARGIN.left, y: y + 15, class: "axis" }, "version");
  return drawn("g", { class: "tick" }, labels, name);
}

/** A line that holds its height until the next version changes it. */
function line({ values }, x, y, slot) {
  const path = values.map((value, place) => {
    const [from, to] = [x(place) - slot / 2, x(place) + slot / 2];
    return `${place ? "L" : "M"}${from} ${y(value ?? 0)}H${to}`;
  });
  return drawn("path", { class: "line", d: path.join("") });
}

function bars({ series, format, threshold }, x, y, slot) {
  const width = Math.min(14, (0.7 * slot) / series.length);
  return series.map(({ values }, nth) => values.map((value, place) => {
    if (value === null) return null;
    const left = x(place) + (nth - series.length / 2) * width;
    const beyond = threshold && value > threshold.at ? " beyond" : "";
    return drawn("rect", {
      class: `bar nth-${nth % 4}${beyond}`, "data-value": format(value),
      x: left, width: Math.max(1, width - 1), y: Math.min(y(value), y(0) - 1),
      height: Math.max(1, y(0) - y(value)),
    });
  }));
}

function threshold({ name }, y, width) {
  return drawn("g", { class: "threshold" },
    drawn("line", { x1: MARGIN.left, x2: width - MARGIN.right, y1: y, y2: y }),
    drawn("text", { x: width - MARGIN.right, y: y - 4, "text-anchor": "end" }, name));
}

function marks({ at, name }, x) {
  return drawn("g", { class: "marks" },
    drawn("text", { x: MARGIN.left - 6, y: 10, "text-anchor": "end" }, name),
    at.map((marked, place) => marked && drawn("path", { d: `M${x(place)} 10l-4 -7h8z` })));
}

/**
 * The same figures as a table, folded away.
 * @param {Plot[]} plots @param {number[]} versions
 */
export function figures(plots, versions) {
  const columns = plots.flatMap((plot) => plot.series.map((series) =>
    ({ name: plot.series.length > 1 ? series.name : plot.title, series, format: plot.format })));
  return element("details", {}, element("summary", {}, "The same figures as a table"),
    element("div", { class: "wide", tabindex: 0, role: "region", "aria-label": "Figures by version" },
      element("table", {},
        element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "version"),
          columns.map(({ name }) => element("th", { scope: "col", class: "number" }, name)))),
        element("tbody", {}, versions.map((version, place) => element("tr", {},
          element("th", { scope: "row" }, version),
          columns.map(({ series, format }) => element("td", { class: "number" },
            series.values[place] === null ? "–" : format(series.values[place]))))).reverse()))));
}
