/** How foreign each layer of the frozen encoder found each night, against its threshold. */

import { chart, figures } from "./chart.js";
import { element, fill } from "./element.js";
import { percent } from "./words.js";

/** @typedef {import("./facts.js").Whole} Whole */

/**
 * Nights that were looked at; other versions have no detection.
 * @param {Element} room @param {Whole[]} wholes  The versions under the cursor.
 * @param {import("./cursor.js").Cursor} cursor
 */
export function showLayers(room, wholes, cursor) {
  const seen = wholes.map((whole) => whole.facts.detection ?? {});
  const nights = seen.filter((one) => one.drift?.length);
  if (!nights.length) {
    fill(room, element("p", { class: "soft" },
      "No night has been looked at yet: layers judge what comes after the first corpus."));
    return;
  }
  const layers = [...new Set(nights.flatMap((one) => one.layers))].sort((a, b) => a - b);
  const threshold = nights[nights.length - 1].drift_threshold;
  const plot = {
    title: "Documents beyond 95 % of every known kind",
    told: "By night and layer, the share of its documents that lie farther out than 95 % of every "
      + `known kind. ${percent(threshold)} is the threshold. ${alarms(wholes, seen)}`,
    form: /** @type {const} */ ("bars"),
    series: layers.map((layer) => ({
      name: `layer ${layer}`,
      values: seen.map((one) => at(one, layer)),
    })),
    format: /** @param {number} share */ (share) => percent(share),
    threshold: { at: threshold, name: `threshold ${percent(threshold)}` },
    marked: { at: seen.map((one) => Boolean(one.new)), name: "new" },
    height: 200,
  };
  fill(room,
    chart(plot, cursor),
    element("p", { class: "soft" },
      "▾ marks the nights in which something was new, judged by all layers together and at three "
      + "levels; what a layer alone puts beyond its threshold is shown for people to see."),
    figures([plot], wholes.map((whole) => whole.version)));
}

/** @param {{layers?: number[], drift?: number[]}} seen @param {number} layer */
function at(seen, layer) {
  const place = seen.layers?.indexOf(layer) ?? -1;
  return seen.drift?.[place] ?? null;
}

/** @param {Whole[]} wholes @param {{new?: boolean}[]} seen */
function alarms(wholes, seen) {
  const versions = wholes.filter((_, place) => seen[place].new).map((whole) => whole.version);
  return versions.length ? `Something was new in version ${versions.join(", ")}.` : "Nothing was new.";
}
