/**
 * How everything on the page is made: elements whose data is text and never markup.
 * No other file creates a node, so no document's title can become one.
 */

/** @typedef {Node | string | number | null | undefined | false} Child  What is empty is left out. */

/** @typedef {Child | Children[]} Children  Lists in lists, as they come from `map`. */

/** @typedef {Record<string, string | number | boolean | EventListener | null | undefined>} Attributes */

const SVG = "http://www.w3.org/2000/svg";

/**
 * An HTML element: `element("td", {class: "number"}, "11,458")`.
 * An attribute that is a function listens; one that is false or null is left out.
 * @param {string} name
 * @param {Attributes} [attributes]
 * @param {...Children} children
 * @returns {any}
 */
export function element(name, attributes = {}, ...children) {
  return furnished(document.createElement(name), attributes, children);
}

/**
 * The same for SVG.
 * @param {string} name
 * @param {Attributes} [attributes]
 * @param {...Children} children
 * @returns {any}
 */
export function drawn(name, attributes = {}, ...children) {
  return furnished(document.createElementNS(SVG, name), attributes, children);
}

/**
 * Put these children where others were.
 * @param {Element} box
 * @param {...Children} children
 */
export function fill(box, ...children) {
  box.replaceChildren(...present(children));
}

/**
 * Text that somebody else wrote: it keeps its own direction and cannot turn its surroundings.
 * @param {string} text
 * @param {Attributes} [attributes]
 */
export function foreign(text, attributes = {}) {
  return element("bdi", attributes, visible(text));
}

/** @param {string} text  Marks that would reorder what comes after them are shown, not obeyed. */
export function visible(text) {
  return text.replace(/[\u202a-\u202e\u2066-\u2069]/g, "\ufffd");
}

/** @param {Element} node @param {Attributes} attributes @param {Children[]} children */
function furnished(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(name, value);
    else if (value !== false && value !== null && value !== undefined)
      node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...present(children));
  return node;
}

/** @param {Children[]} children @returns {(Node | string)[]} */
function present(children) {
  return children
    .flat(Infinity)
    .filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => (typeof child === "number" ? String(child) : child));
}
