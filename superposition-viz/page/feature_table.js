// The features as a table of which the rows on the screen are made, and no others.

import { exact, nameOf, toCsv } from "./data.js";
import { button, element } from "./elements.js";
import { short } from "./number.js";

/** @typedef {import("./page_state.js").Page} Page */
/** @typedef {import("./page_state.js").View} View */
/** @typedef {import("./data.js").Features} Features */
/** @typedef {import("./data.js").Column} Column */

/** Height of a row in CSS pixels, as in the style sheet. */
const ROW = 26;

/**
 * The features that a filter lets through. Its parts, between commas, are comparisons of a column with a number
 * (`norm > 0.5`), or text that a name or a text column contains.
 * @param {Features} features
 * @param {Column[]} columns
 * @param {string} text
 * @returns {number[]}
 */
export function filtered(features, columns, text) {
  /** @type {Record<string, (a: number, b: number) => boolean>} */
  const comparisons = {
    "<": (a, b) => a < b,
    "<=": (a, b) => a <= b,
    ">": (a, b) => a > b,
    ">=": (a, b) => a >= b,
    "=": (a, b) => a === b,
    "!=": (a, b) => a !== b,
  };
  const texts = columns.filter((column) => column.text);
  const tests = text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part)
    .map((part) => {
      const match = /^(.+?)\s*(<=|>=|!=|<|>|=)\s*([-+.\deE]+)$/.exec(part);
      const column = match && columns.find(({ name, numbers }) => numbers && name.toLowerCase() === match[1].toLowerCase());
      if (match && column?.numbers && Number.isFinite(Number(match[3]))) {
        const { numbers } = column;
        const compare = comparisons[match[2]];
        const bound = Number(match[3]);
        return (/** @type {number} */ i) => compare(numbers[i], bound);
      }
      const wanted = part.toLowerCase();
      return (/** @type {number} */ i) =>
        nameOf(features, i).toLowerCase().includes(wanted) ||
        texts.some((column) => column.text?.[i].toLowerCase().includes(wanted));
    });
  const result = [];
  for (let i = 0; i < features.n; i++) if (tests.every((test) => test(i))) result.push(i);
  return result;
}

/**
 * @param {HTMLElement} root
 * @param {Page} page
 * @param {Features} features
 * @returns {View}
 */
export function featureTable(root, page, features) {
  /** @type {Column[]} */
  const columns = [
    { name: "feature", about: "its number in the file", numbers: features.index },
    ...(features.labels ? [{ name: "label", about: "", text: features.labels }] : []),
    ...features.columns,
    ...features.probes,
  ];
  let by = 0;
  let falling = false;
  /** @type {number[]} */
  let rows = [];
  let current = 0;

  const search = element("input", {
    type: "search",
    placeholder: "name, or norm > 0.5, degree >= 3",
    "aria-label": "Filter features",
    spellcheck: "false",
  });
  const count = element("span", { class: "note", role: "status" });
  root.append(element("div", { class: "controls" }, element("label", { class: "choice" }, "filter ", search), count));
  const head = element("div", { class: "row head", role: "row" });
  const body = element("div", { class: "rows", role: "rowgroup" });
  const scroll = element("div", { class: "table", role: "grid", tabindex: "0", "aria-label": "Features" }, head, body);
  root.append(scroll);
  const width = `${columns.length * 118}px`;
  head.style.width = width;
  body.style.width = width;

  const heads = columns.map((column, k) => {
    const made = button(column.name, () => {
      // Numbers are first wanted from the largest on.
      falling = by === k ? !falling : Boolean(column.numbers) && k > 0;
      by = k;
      sort();
    });
    made.title = column.about || column.name;
    const cell = element("div", { class: "cell", role: "columnheader" }, made);
    head.append(cell);
    return cell;
  });

  const sort = () => {
    const { numbers, text } = columns[by];
    const sign = falling ? -1 : 1;
    rows.sort((a, b) => {
      let order = 0;
      if (numbers) {
        const [x, y] = [numbers[a], numbers[b]];
        // What has no value is last either way.
        if (Number.isNaN(x) || Number.isNaN(y)) return Number(Number.isNaN(x)) - Number(Number.isNaN(y)) || a - b;
        order = x < y ? -1 : Number(x > y);
      } else if (text) {
        order = text[a] < text[b] ? -1 : Number(text[a] > text[b]);
      }
      return sign * order || a - b;
    });
    heads.forEach((cell, k) => {
      cell.setAttribute("aria-sort", k !== by ? "none" : falling ? "descending" : "ascending");
    });
    draw();
  };

  const line = (/** @type {number} */ place) => {
    const i = rows[place];
    const chosen = page.selected.includes(i);
    const made = element("div", {
      class: chosen ? "row chosen" : "row",
      role: "row",
      "aria-rowindex": String(place + 2),
      "aria-selected": String(chosen),
    });
    made.style.top = `${place * ROW}px`;
    made.dataset.place = String(place);
    for (const column of columns) {
      const text = column.numbers ? short(column.numbers[i]) : exact(column, i);
      made.append(element("div", { class: column.text ? "cell" : "cell number", role: "gridcell", title: exact(column, i) }, text));
    }
    return made;
  };

  const draw = () => {
    if (!scroll.clientHeight) return;
    const first = Math.max(0, Math.floor(scroll.scrollTop / ROW) - 4);
    const last = Math.min(rows.length, first + Math.ceil(scroll.clientHeight / ROW) + 9);
    body.style.height = `${rows.length * ROW}px`;
    const made = [];
    for (let place = first; place < last; place++) made.push(line(place));
    body.replaceChildren(...made);
    scroll.setAttribute("aria-rowcount", String(rows.length + 1));
    count.textContent = `${rows.length} of ${features.n} features`;
  };

  const choose = (/** @type {number} */ place, /** @type {boolean} */ adds) => {
    if (!rows.length) return;
    current = Math.max(0, Math.min(rows.length - 1, place));
    const top = current * ROW;
    const room = scroll.clientHeight - 2 * ROW;
    if (top < scroll.scrollTop) scroll.scrollTop = top;
    if (top > scroll.scrollTop + room) scroll.scrollTop = top - room;
    page.select(adds ? [...page.selected, rows[current]] : [rows[current]]);
  };
  body.addEventListener("click", (event) => {
    const row = /** @type {HTMLElement} */ (event.target).closest(".row");
    if (row instanceof HTMLElement) choose(Number(row.dataset.place), event.shiftKey);
  });
  scroll.addEventListener("keydown", (event) => {
    if (event.target !== scroll) return;
    const page_ = Math.floor(scroll.clientHeight / ROW) - 2;
    /** @type {Record<string, number>} */
    const to = {
      ArrowDown: current + 1,
      ArrowUp: current - 1,
      PageDown: current + page_,
      PageUp: current - page_,
      Home: 0,
      End: rows.length - 1,
    };
    if (!(event.key in to)) return;
    event.preventDefault();
    choose(to[event.key], event.shiftKey);
  });
  scroll.addEventListener("scroll", () => page.redraw());
  new ResizeObserver(() => page.redraw()).observe(scroll);
  let waiting = 0;
  search.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      scroll.scrollTop = 0;
      current = 0;
      page.filter(filtered(features, columns, search.value));
    }, 120);
  });
  const refill = () => {
    rows = [];
    for (let i = 0; i < features.n; i++) if (page.visible[i]) rows.push(i);
    sort();
  };
  page.on("filter", refill);
  refill();
  return {
    id: "features",
    title: "Features",
    draw,
    svg: () => null,
    csv: () => toCsv(columns, rows),
  };
}
