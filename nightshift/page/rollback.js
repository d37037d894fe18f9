/** The way back. It asks first, says what will change, and wants a reason and the token. */

import { TO_COME, differenceTold } from "./difference.js";
import { element, fill } from "./element.js";
import * as facts from "./facts.js";
import { refusal } from "./refusal.js";
import { tokenField } from "./token.js";

/**
 * Ask whether to go back to a version.
 * @param {HTMLDialogElement} dialog
 * @param {number} live @param {number} target
 * @param {(said: string) => void} done  Called with what has been done.
 */
export function askToRollBack(dialog, live, target, done) {
  const form = questions(() => dialog.close());
  fill(dialog,
    element("h2", { id: "rollback-title" }, `Roll back to version ${target}?`),
    element("p", { class: "soft" }, `Version ${live} is live. A new version will be published; `
      + "none is lost, and this can be taken back in the same way."),
    form);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const said = await takeBack(form, target);
    if (!said) return;
    dialog.close();
    done(said);
  });
  dialog.showModal();
  tellChanges(form, live, target);
}

/** @param {() => void} leave */
function questions(leave) {
  return element("form", { method: "dialog" },
    element("fieldset", {},
      element("legend", {}, "Bring back"),
      choice("modules", "the modules: experts, router, detector; documents stay", true),
      choice("all", "modules and documents, bit for bit", false)),
    element("h3", {}, "What will change"),
    element("div", { class: "changes", "aria-live": "polite" }, "Reading what would change…"),
    element("label", {}, "Reason; history keeps it",
      element("input", { name: "reason", required: true, autocomplete: "off", pattern: ".*\\S.*" })),
    element("label", {}, "Token; kept until this page is closed", tokenField()),
    element("div", { class: "trouble" }),
    element("div", { class: "acts" },
      element("button", { type: "submit" }, "Roll back"),
      element("button", { type: "button", class: "plain", click: leave }, "Cancel")));
}

/** @param {string} value @param {string} told @param {boolean} checked */
function choice(value, told, checked) {
  return element("label", { class: "choice" },
    element("input", { type: "radio", name: "what", value, checked }), told);
}

/** What lies between now and then, for what is to be brought back. */
async function tellChanges(form, live, target) {
  const box = form.querySelector(".changes");
  try {
    const found = await facts.difference(live, target);
    const tell = () => fill(box, differenceTold(found, wishOf(form).documents ? TO_COME : null));
    form.addEventListener("change", tell);
    tell();
  } catch (error) {
    fill(box, refusal(error));
  }
}

/** @param {HTMLFormElement} form @param {number} target @returns {Promise<string | null>} What was done, if it was. */
async function takeBack(form, target) {
  const trouble = form.querySelector(".trouble");
  const { documents, reason, token } = wishOf(form);
  const before = facts.presented();
  fill(trouble);
  facts.present(token);
  form.inert = true;
  try {
    const { version } = await facts.rollback({ version: target, documents, reason });
    return `Version ${version} has the ${documents ? "modules and documents" : "modules"} of version ${target}.`;
  } catch (error) {
    const unknown = error.status === 401;
    if (unknown) facts.present(before);
    fill(trouble, refusal(error));
    form.inert = false;
    form.elements.namedItem(unknown ? "token" : "reason").focus();
    return null;
  }
}

/** @param {HTMLFormElement} form */
function wishOf(form) {
  const given = new FormData(form);
  return {
    documents: given.get("what") === "all",
    reason: String(given.get("reason")).trim(),
    token: String(given.get("token")),
  };
}
