/** A refusal as people read it: the sentence, then what to type. */

import { element, visible } from "./element.js";
import { Refusal } from "./facts.js";

/** @param {unknown} error */
export function refusal(error) {
  if (!(error instanceof Refusal)) throw error;
  return element("div", { class: "refusal", role: "alert" },
    element("p", {}, visible(error.message)),
    error.next && element("p", {}, "try: ", element("code", {}, visible(error.next))));
}
