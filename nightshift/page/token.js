/** Where the token is typed. It is kept in memory until the page is closed, and nowhere else. */

import { element } from "./element.js";
import { present, presented } from "./facts.js";

export function tokenField() {
  return element("input", {
    name: "token", type: "password", required: true, autocomplete: "off", value: presented(),
    pattern: "[!-~]+",
  });
}

/**
 * Beyond its own machine the service tells nothing without it.
 * @param {() => void} then
 */
export function askForToken(then) {
  const field = tokenField();
  return element("form", { class: "token", submit: (event) => {
    event.preventDefault();
    present(field.value);
    then();
  } }, element("label", {}, "Token", field), element("button", { type: "submit" }, "Read the store"));
}
