/** What the service says. Everything on the page comes through here; nothing is decided here. */

/**
 * @typedef {object} Gate
 * @property {boolean} accepted
 * @property {number} queries  Held out: what the candidate did not learn from.
 * @property {boolean} synthetic  Made from documents, for want of real ones.
 * @property {number} live  nDCG@10 of what was live.
 * @property {number} candidate
 * @property {number} gain
 * @property {[number, number]} interval  90 %.
 * @property {number} [better]  Queries that find their documents higher than before.
 * @property {number} [worse]
 * @property {Record<string, [number, number, number]>} losses  By kind: mean, low, high.
 */

/**
 * @typedef {object} Outcome
 * @property {string} kind  Its name, or "-".
 * @property {number} documents
 * @property {string} outcome
 * @property {string} reason
 * @property {string | null} expert
 * @property {Gate | null} gate
 * @property {string | null} [kind_id]  Versions of nightshift 0.1 had none.
 */

/**
 * @typedef {object} Version
 * @property {number} version
 * @property {number | null} parent
 * @property {string} time
 * @property {string} kind  What made it: init, night, rollback, ...
 * @property {string | null} [shift]  Of a night: when the run began that it belongs to.
 * @property {Outcome[]} outcomes
 * @property {number} documents
 * @property {number} experts
 * @property {number} expert_parameters
 * @property {string} reason
 * @property {Record<string, number>} seconds
 * @property {boolean} live
 * @property {string | null} pinned
 */

/** @typedef {Version & {facts: any, encoder: any}} Whole  One version with all its figures. */

/**
 * @typedef {object} Expert
 * @property {string} name
 * @property {string} method
 * @property {string} kind
 * @property {string | null} parent
 * @property {number} born
 * @property {number} parameters
 * @property {number} queries
 * @property {number} seconds
 * @property {Gate} gate
 * @property {number} reencoded
 * @property {string[]} serves
 * @property {boolean} waits  For a person's word.
 * @property {number | null} share
 */

/** @typedef {{since: string, queries: number, by_expert: Record<string, number>}} Traffic */

/**
 * @typedef {object} Difference
 * @property {number} a
 * @property {number} b
 * @property {[string, string][]} added
 * @property {[string, string][]} removed
 * @property {[string, string][]} changed
 * @property {Record<string, string>} experts
 * @property {Record<string, string>} kinds
 * @property {Record<string, [unknown, unknown]>} settings
 * @property {[string, string]} encoders
 */

/** @typedef {{rank: number | null, score: number | null, adds: number}} Standing */

/**
 * @typedef {object} Hit
 * @property {number} rank
 * @property {string} id
 * @property {string} source
 * @property {number} score
 * @property {string} title
 * @property {string} text
 * @property {Standing | null} dense
 * @property {Standing | null} lexical
 */

/** @typedef {{route: Record<string, number>, share: number | null, hits: Hit[]}} Answer */

/** What the service would not do: its sentence, and the command to type next. */
export class Refusal extends Error {
  /** @param {string} sentence @param {string | null} next @param {number} status */
  constructor(sentence, next, status) {
    super(sentence);
    this.next = next;
    this.status = status;
  }
}

/** Once somebody has typed it, the token stays in this variable and goes to this service alone. */
let token = "";

/** @param {string} typed  Beyond this machine every question carries it; a rollback always does. */
export function present(typed) {
  token = typed;
}

export function presented() {
  return token;
}

/** @returns {Promise<{version: number}>} What is served at this moment. */
export const health = () => ask("/health");

/** @returns {Promise<Version[]>} Oldest first. */
export const versions = () => ask("/versions");

/** @param {number} version @returns {Promise<Whole>} */
export const version = (version) => ask(`/versions/${version}`);

/** @param {number} a @param {number} b @returns {Promise<Difference>} */
export const difference = (a, b) => ask(`/versions/${a}/difference/${b}`);

/** @param {number} version @returns {Promise<Expert[]>} */
export const experts = (version) => ask(`/experts?version=${version}`);

/** @returns {Promise<Traffic>} */
export const traffic = () => ask("/traffic");

/**
 * @param {{query: string, k: number, leg: string, version: number, instruction?: string}} asked
 * @returns {Promise<Answer & {version: number}>}
 */
export async function search({ query, ...rest }) {
  const found = await ask("/search", told({ queries: [query], ...rest }));
  return { version: found.version, ...found.answers[0] };
}

/** @param {{version: number, documents: boolean, reason: string}} wish */
export const rollback = (wish) => ask("/rollback", told(wish));

/** @param {"approve" | "reject"} verb @param {{expert: string, reason?: string}} given */
export const word = (verb, given) => ask(`/${verb}`, told(given));

/** @param {object} page @returns {RequestInit} */
function told(page) {
  return {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(page),
  };
}

/** @param {string} path @param {RequestInit} [request] @returns {Promise<any>} */
async function ask(path, request = {}) {
  const headers = { ...request.headers, ...(token && { Authorization: `Bearer ${token}` }) };
  let answer;
  try {
    answer = await fetch(path, { ...request, headers });
  } catch {
    throw new Refusal("the service does not answer", "nightshift serve", 0);
  }
  const page = await answer.json().catch(() => null);
  if (answer.ok && page !== null) return page;
  throw new Refusal(
    page?.error ?? `the service answered ${answer.status} to ${path}`,
    page?.try ?? null,
    answer.status,
  );
}
