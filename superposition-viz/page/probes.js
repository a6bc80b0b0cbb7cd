// What a linear probe finds of each feature, against anything else that is known of it.

import { exact, nameOf, toCsv } from "./data.js";
import { element } from "./elements.js";
import { scatter } from "./scatter.js";

/** @typedef {import("./page_state.js").Page} Page */
/** @typedef {import("./page_state.js").View} View */
/** @typedef {import("./data.js").Features} Features */

/**
 * @param {HTMLElement} root
 * @param {Page} page
 * @param {Features} features
 * @returns {View}
 */
export function probes(root, page, features) {
  const number = { name: "feature", about: "", numbers: features.index };
  const columns = [...features.probes, ...features.columns, number];
  const place = (/** @type {string} */ name, /** @type {number} */ otherwise) => {
    const numeric = columns.filter((column) => column.numbers);
    const found = numeric.findIndex((column) => column.name === name);
    return found >= 0 ? found : otherwise < 0 ? numeric.length - 1 : otherwise;
  };
  root.append(
    element("p", { class: "note" }, "R² is on held-out samples. A linear probe finds of any bottleneck of this rank what its leverage says: compare the two. The dashed line is where both axes are equal."),
  );
  const plot = scatter(root, {
    label: "Probes of features",
    columns,
    chosen: [place("leverage", -1), place("probe_r_squared", 0)],
    diagonal: true,
    shown: (i) => page.visible[i] === 1,
    selected: () => page.selected,
    select: (i) => page.select([i]),
    describe: (i, both) => [nameOf(features, i), ...both.map((column) => `${column.name} ${exact(column, i)}`)],
  });
  return {
    id: "probes",
    title: "Probes",
    draw: () => plot.draw(),
    svg: () => plot.svg("Probes of features"),
    csv: () => toCsv([number, ...features.probes], page.visible.keys()),
  };
}
