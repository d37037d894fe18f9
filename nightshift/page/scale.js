/** From figures to places on a chart, and the round figures that stand beside its axis. */

/** @typedef {(value: number) => number} Scale */

/** @param {[number, number]} domain @param {[number, number]} range @returns {Scale} */
export function linear([from, to], [start, end]) {
  const stretch = (end - start) / (to - from || 1);
  return (value) => start + (value - from) * stretch;
}

/**
 * Round figures from 0 up to and past `most`: steps of 1, 2 or 5 times a power of ten.
 * @param {number} most
 * @param {number} about  How many steps there may be.
 * @returns {number[]}
 */
export function ticks(most, about = 4) {
  const rough = Math.max(most, 1e-9) / about;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * power).find((size) => size >= rough) ?? rough;
  const steps = Math.ceil(most / step) || 1;
  return Array.from({ length: steps + 1 }, (_, n) => Number((n * step).toPrecision(12)));
}

/**
 * Up to `most` of these, evenly spread, the last one among them.
 * @template T @param {T[]} all @param {number} most @returns {T[]}
 */
export function some(all, most) {
  const every = Math.max(1, Math.ceil(all.length / Math.max(1, most)));
  return all.filter((_, place) => (all.length - 1 - place) % every === 0);
}
