/**
 * The way back. It asks first, says what will change, and wants a reason and the token; the token
 * stays in this variable and goes nowhere else.
 */

import { TO_COME, differenceTold } from "./difference.js";
import { element, fill } from "./element.js";
import * as facts from "./facts.js";
import { refusal } from "./refusal.js";

let token = "";

/**
 * Ask whether to go back to a version.
 * @param {HTMLDialogElement} dialog
 * @param {number} live @param {number} target
 * @param {(said: string) => void} done  Called with what has been done.
 */
export async function askToRollBack(dialog, live, target, done) {
  const changes = element("div", { class: "changes", "aria-live": "polite" }, "Reading what would change…");
  const trouble = element("div", {});
  const form = questions(changes, trouble, () => dialog.close());
  fill(dialog,
    element("h2", { id: "rollback-title" }, `Roll back to version ${target}?`),
    element("p", { class: "soft" }, `Version ${live} is live. A new version will be published; `
      + "none is lost, and this can be taken back in the same way."),
    form);
  dialog.showModal();

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    fill(trouble);
    const given = new FormData(form);
    const wish = {
      version: target,
      documents: given.get("what") === "all",
      reason: String(given.get("reason")).trim(),
    };
    form.inert = true;
    try {
      const made = await facts.rollback(wish, String(given.get("token")));
      token = String(given.get("token"));
      dialog.close();
      done(`Version ${made.version} has the ${wish.documents ? "modules and documents" : "modules"} `
        + `of version ${target}.`);
    } catch (error) {
      fill(trouble, refusal(error));
      form.inert = false;
      form.elements.namedItem(error.status === 401 || error.status === 403 ? "token" : "reason").focus();
    }
  });

  try {
    const found = await facts.difference(live, target);
    const tell = () =>
      fill(changes, differenceTold(found, form.elements.what.value === "all" ? TO_COME : null));
    form.addEventListener("change", tell);
    tell();
  } catch (error) {
    fill(changes, refusal(error));
  }
}

/** @param {Element} changes @param {Element} trouble @param {() => void} leave */
function questions(changes, trouble, leave) {
  return element("form", { method: "dialog" },
    element("fieldset", {},
      element("legend", {}, "Bring back"),
      choice("modules", "the modules: experts, router, detector; documents stay", true),
      choice("all", "modules and documents, bit for bit", false)),
    element("h3", {}, "What will change"),
    changes,
    element("label", {}, "Reason; history keeps it",
      element("input", { name: "reason", required: true, autocomplete: "off", pattern: ".*\\S.*" })),
    element("label", {}, "Token; kept until this page is closed",
      element("input", {
        name: "token", type: "password", required: true, autocomplete: "off", value: token,
        pattern: "[!-~]+",
      })),
    trouble,
    element("div", { class: "acts" },
      element("button", { type: "submit" }, "Roll back"),
      element("button", { type: "button", class: "plain", click: leave }, "Cancel")));
}

/** @param {string} value @param {string} told @param {boolean} checked */
function choice(value, told, checked) {
  return element("label", { class: "choice" },
    element("input", { type: "radio", name: "what", value, checked }), told);
}
