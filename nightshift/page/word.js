/** A person's word about an expert that waits: it may serve, or it is let go. */

import { element, fill } from "./element.js";
import * as facts from "./facts.js";
import { refusal } from "./refusal.js";
import { tokenField } from "./token.js";

/**
 * Ask for the reason and the token, and give the word.
 * @param {HTMLDialogElement} dialog
 * @param {string} expert @param {"approve" | "reject"} verb
 * @param {(said: string) => void} done  Called with what has been done.
 */
export function askForWord(dialog, expert, verb, done) {
  const approving = verb === "approve";
  const trouble = element("div", { class: "trouble" });
  const form = element("form", { method: "dialog" },
    element("label", {}, approving ? "Reason, if there is one" : "Reason; history keeps it",
      element("input", approving ? { name: "reason", autocomplete: "off" }
        : { name: "reason", autocomplete: "off", required: true, pattern: ".*\\S.*" })),
    element("label", {}, "Token; kept until this page is closed", tokenField()),
    trouble,
    element("div", { class: "acts" },
      element("button", { type: "submit" }, approving ? "Approve" : "Reject"),
      element("button", { type: "button", class: "plain", click: () => dialog.close() }, "Cancel")));
  fill(dialog,
    element("h2", { id: "rollback-title" }, `${approving ? "Approve" : "Reject"} ${expert}?`),
    element("p", { class: "soft" }, approving
      ? "It is measured once more against what is live, and serves its kind in a new version unless "
        + "somebody would be harmed. A rollback takes that back."
      : "It waits no more; its kind is served as it is. A rollback lets it wait again."),
    form);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const said = await given(form, trouble, expert, verb);
    if (!said) return;
    dialog.close();
    done(said);
  });
  dialog.showModal();
}

/** @param {HTMLFormElement} form @param {Element} trouble @returns {Promise<string | null>} What was done, if it was. */
async function given(form, trouble, expert, verb) {
  const answers = new FormData(form);
  const reason = String(answers.get("reason")).trim();
  const before = facts.presented();
  fill(trouble);
  facts.present(String(answers.get("token")));
  form.inert = true;
  try {
    const { version } = await facts.word(verb, { expert, ...(reason && { reason }) });
    return verb === "approve" ? `Version ${version}: ${expert} serves.` : `Version ${version}: ${expert} waits no more.`;
  } catch (error) {
    const unknown = error.status === 401;
    if (unknown) facts.present(before);
    fill(trouble, refusal(error));
    form.inert = false;
    form.elements.namedItem(unknown ? "token" : "reason").focus();
    return null;
  }
}
