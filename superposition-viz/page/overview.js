// What is known in one look: values beside what they are to be compared with.

import { toCsv } from "./data.js";
import { element } from "./elements.js";

/** @typedef {import("./page_state.js").Page} Page */
/** @typedef {import("./page_state.js").View} View */

/**
 * @param {HTMLElement} root
 * @param {Page} page
 * @returns {View}
 */
export function overview(root, page) {
  const { facts, notes } = page.data;
  for (const note of notes) root.append(element("p", { class: "note" }, note));
  const groups = element("div", { class: "facts" });
  root.append(groups);
  for (const group of new Set(facts.map((fact) => fact.group))) {
    const table = element("table");
    for (const { name, value, note } of facts.filter((fact) => fact.group === group)) {
      table.append(
        element(
          "tr",
          {},
          element("th", { scope: "row" }, name),
          element("td", { class: "value" }, value),
          element("td", { class: "about" }, note),
        ),
      );
    }
    groups.append(element("section", {}, element("h2", {}, group), table));
  }
  const text = (/** @type {"group" | "name" | "value" | "note"} */ key) => ({
    name: key,
    about: "",
    text: facts.map((fact) => fact[key]),
  });
  return {
    id: "overview",
    title: "Overview",
    draw: () => {},
    svg: () => null,
    csv: () => toCsv([text("group"), text("name"), text("value"), text("note")], facts.keys()),
  };
}
