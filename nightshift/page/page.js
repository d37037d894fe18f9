/** The page: reads the store's facts and gives each room its own; rereads when a version has come. */

import { Cursor } from "./cursor.js";
import { element, fill } from "./element.js";
import { showExperts } from "./experts.js";
import * as facts from "./facts.js";
import { showGate } from "./gate.js";
import { showGrowth } from "./growth.js";
import { showLayers } from "./layers.js";
import { lastShift, showNight } from "./night.js";
import { refusal } from "./refusal.js";
import { askToRollBack } from "./rollback.js";
import { searchBox } from "./search.js";
import { showVersions } from "./versions.js";
import { askForToken } from "./token.js";
import { askForWord } from "./word.js";
import { age } from "./words.js";

/** Versions, the last ones, whose figures are drawn by night; the list has them all. */
const LOOKED_AT = 60;
const A_MINUTE = 60_000;

const room = (name) => document.querySelector(`[data-room="${name}"]`);
const said = document.getElementById("said");
const live = document.getElementById("live");
const dialog = /** @type {HTMLDialogElement} */ (document.getElementById("rollback"));
const offerVersions = searchBox(room("search"));

/** @type {facts.Version | null} */
let shown = null;

/** Read everything anew and show it. */
async function read() {
  const versions = await facts.versions();
  const newest = versions[versions.length - 1];
  shown = newest;
  tick();
  const nights = await Promise.all(lastShift(versions).map((one) => facts.version(one.version)));
  showNight(room("night"), versions, nights);
  offerVersions(versions);
  showVersions(room("versions"), versions, (target) =>
    askToRollBack(dialog, newest.version, target, followed));
  const lately = versions.slice(-LOOKED_AT);
  const cursor = new Cursor(lately.map((one) => one.version));
  showGrowth(room("growth"), lately, cursor);
  const [wholes, experts, traffic] = await Promise.all([
    Promise.all(lately.map((one) => facts.version(one.version))),
    facts.experts(newest.version),
    facts.traffic(),
  ]);
  showLayers(room("layers"), wholes, cursor);
  showGate(room("gate"), wholes);
  showExperts(room("experts"), experts, versions, traffic, wholes[wholes.length - 1].encoder.parameters,
    (expert, verb) => askForWord(dialog, expert, verb, followed));
}

/** @param {string} what  Said aloud, once the page shows it. */
async function followed(what) {
  await reread();
  fill(said, what);
  document.getElementById("night").focus();
}

async function reread() {
  fill(said);
  try {
    await read();
  } catch (error) {
    fill(said, refusal(error), error.status === 401 && askForToken(reread));
  }
}

/** The age of the live version, as time goes by. */
function tick() {
  if (shown) fill(live, "version ", element("b", {}, shown.version), ` live, ${age(shown.time)} old`);
}

/** Has a version come while the page lay open? It is offered, not thrust upon whoever reads. */
async function lookForNews() {
  tick();
  if (!shown || document.hidden || dialog.open) return;
  const served = await facts.health().catch(() => null);
  if (!served || served.version === shown.version) return;
  fill(said, `Version ${served.version} has come. `,
    element("button", { type: "button", class: "plain", click: reread }, "Show it"));
}

setInterval(lookForNews, A_MINUTE);
document.addEventListener("visibilitychange", lookForNews);
await reread();
