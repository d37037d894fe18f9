/** Figures as people read them. */

const LOCALE = "en-GB";

/** @param {number} value */
export function count(value) {
  return value.toLocaleString(LOCALE);
}

/** @param {number} value @param {string} one @param {string} [many] */
export function counted(value, one, many = `${one}s`) {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** @param {number} value  With its sign, a real minus, and nothing for no change. */
export function change(value) {
  if (value === 0) return "";
  return (value > 0 ? "+" : "−") + count(Math.abs(value));
}

/** @param {number} share  Of nDCG@10, as points: 0.062 is +6.2. */
export function points(share) {
  const told = Math.abs(100 * share).toFixed(1);
  if (told === "0.0") return "0.0";
  return (share > 0 ? "+" : "−") + told;
}

/** @param {number} share @param {number} [digits] */
export function percent(share, digits = 0) {
  return `${(100 * share).toFixed(digits)} %`;
}

/** @param {number} value  A score with its sign. */
export function signed(value, digits = 2) {
  return (value < 0 ? "−" : "+") + Math.abs(value).toFixed(digits);
}

/** @param {number} seconds  The largest unit that says enough: 47 s, 4 min 12 s, 2 h 5 min, 3 d 4 h. */
export function duration(seconds) {
  const whole = Math.round(seconds);
  if (whole < 60) return seconds < 10 ? `${seconds.toFixed(1)} s` : `${whole} s`;
  const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  const first = units.findIndex(([, size]) => whole >= size);
  const told = units.slice(first, first + 2).map(([name, size], place) => {
    const amount = place ? Math.floor((whole % units[first][1]) / size) : Math.floor(whole / size);
    return amount ? `${amount} ${name}` : "";
  });
  return told.filter(Boolean).join(" ");
}

/** @param {string} time @param {number} [now] */
export function age(time, now = Date.now()) {
  const seconds = Math.max(0, (now - Date.parse(time)) / 1000);
  return seconds < 60 ? "less than a minute" : duration(seconds - (seconds % 60));
}

/** @param {string} time  In this browser's time zone. */
export function moment(time) {
  return new Date(time).toLocaleString(LOCALE, {
    day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit",
  });
}

/** @param {string[]} parts  "a", "a and b", "a, b and c". */
export function listed(parts) {
  return parts.length < 2 ? parts.join("") : `${parts.slice(0, -1).join(", ")} and ${parts.at(-1)}`;
}
