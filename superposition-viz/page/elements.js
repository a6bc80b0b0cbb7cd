// Pieces of the document. Text only ever becomes text: nothing here reads markup.

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, string>} [attributes]
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/**
 * A drop-down list with its label; `change` hears of the place of what is chosen.
 * @param {string} label
 * @param {string[]} options
 * @param {number} chosen
 * @param {(index: number) => void} change
 */
export function choice(label, options, chosen, change) {
  const select = element("select");
  options.forEach((option, k) => select.append(element("option", { value: String(k) }, option)));
  select.value = String(chosen);
  select.addEventListener("change", () => change(Number(select.value)));
  return element("label", { class: "choice" }, `${label} `, select);
}

/**
 * @param {string} label
 * @param {boolean} checked
 * @param {(checked: boolean) => void} change
 */
export function checkbox(label, checked, change) {
  const input = element("input", { type: "checkbox" });
  input.checked = checked;
  input.addEventListener("change", () => change(input.checked));
  return element("label", { class: "choice" }, input, ` ${label}`);
}

/**
 * @param {string} label
 * @param {() => void} action
 * @param {Record<string, string>} [attributes]
 */
export function button(label, action, attributes = {}) {
  const made = element("button", { type: "button", ...attributes }, label);
  made.addEventListener("click", action);
  return made;
}

/** @type {HTMLElement | null} */
let tooltip = null;

/**
 * Lines beside the pointer; none takes them away.
 * @param {string[] | null} lines
 * @param {{ clientX: number, clientY: number }} [place]
 */
export function hint(lines, place) {
  if (!tooltip) {
    tooltip = element("div", { class: "hint", role: "status" });
    document.body.append(tooltip);
  }
  tooltip.hidden = !lines;
  if (!lines || !place) return;
  tooltip.replaceChildren(...lines.map((line) => element("div", {}, line)));
  const { innerWidth, innerHeight } = window;
  const { width, height } = tooltip.getBoundingClientRect();
  const left = place.clientX + 14 + width > innerWidth ? place.clientX - 14 - width : place.clientX + 14;
  const top = place.clientY + 14 + height > innerHeight ? place.clientY - 14 - height : place.clientY + 14;
  tooltip.style.left = `${Math.max(0, left)}px`;
  tooltip.style.top = `${Math.max(0, top)}px`;
}

/**
 * Gives the reader a file.
 * @param {string} name
 * @param {string} type
 * @param {string} text
 */
export function download(name, type, text) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  element("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
