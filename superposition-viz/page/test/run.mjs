// Drives pages in a headless Chromium: node run.mjs FOLDER. The folder holds the pages that `cargo xtask page` makes.
//
// Of every page: no error on the console, no request, every view drawn, its exports made. Of some: what a reader does.

import assert from "node:assert/strict";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { launch } from "./browser.mjs";

const folder = resolve(process.argv[2]);
const browser = await launch(process.env.CHROMIUM ?? "chromium");
/** Bytes of the quick start's page without its data. */
const MOST_BYTES = 300_000;
/** Milliseconds until the page has drawn, and between frames: 60 a second, with room for a busy machine. */
const MOST_OPENING = 1_000;
const FRAME = 1000 / 60;

const wait = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

async function until(tab, expression, what) {
  for (let k = 0; k < 200; k++) {
    if (await tab.run(expression)) return;
    await wait(50);
  }
  assert.fail(`${what}: never ${expression}`);
}

async function open(name, options) {
  const tab = await browser.tab(options);
  // What is saved is kept to be looked at.
  await tab.call("Page.addScriptToEvaluateOnNewDocument", {
    source: "window.saved = []; const make = URL.createObjectURL; URL.createObjectURL = (blob) => { saved.push(blob); return make.call(URL, blob); };",
  });
  await tab.open(`file://${join(folder, name)}`);
  return tab;
}

const titles = (tab) => tab.run("[...document.querySelectorAll('[role=tab]')].map((tab) => tab.textContent)");

async function show(tab, title) {
  await tab.run(`[...document.querySelectorAll('[role=tab]')].find((tab) => tab.textContent === ${JSON.stringify(title)}).click()`);
  await tab.run("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))");
}

/** The number of colours on the canvases of the view that is shown. */
const COLORS = `[...document.querySelectorAll('.view:not([hidden]) canvas')].map((canvas) => {
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  const colors = new Set();
  for (let k = 0; k < data.length; k += 4) colors.add(data[k] << 16 | data[k + 1] << 8 | data[k + 2]);
  return colors.size;
})`;

function quiet(tab, name) {
  assert.deepEqual(tab.errors, [], `${name}: console`);
  assert.deepEqual(tab.requests, [], `${name}: requests`);
}

/** Looks at every view, saves each, and closes the page. */
async function everyView(name, expected, options) {
  const tab = await open(name, options);
  assert.deepEqual(await titles(tab), expected, name);
  for (const title of expected) {
    await show(tab, title);
    await wait(150);
    for (const colors of await tab.run(COLORS)) assert.ok(colors > 3, `${name}: ${title} has ${colors} colours`);
    const [svg, csv] = await tab.run(`(async () => {
      saved.length = 0;
      const [svg, csv] = document.querySelectorAll('.exports button');
      const drawn = !svg.disabled;
      svg.click();
      csv.click();
      const texts = await Promise.all(saved.map((blob) => blob.text()));
      return drawn ? texts : [null, ...texts];
    })()`);
    assert.ok(csv !== undefined, `${name}: ${title} gives no numbers`);
    if (svg === null) continue;
    const wrong = await tab.run(`new DOMParser().parseFromString(${JSON.stringify(svg)}, 'image/svg+xml').querySelector('parsererror, script')?.textContent`);
    assert.equal(wrong, undefined, `${name}: SVG of ${title}`);
    assert.ok(!/NaN|undefined|Infinity/.test(svg.replace(/<text.*?<\/text>|<title>.*?<\/title>|href=".*?"/gs, "")), `${name}: SVG of ${title}`);
  }
  quiet(tab, name);
  assert.notEqual(await tab.run("document.title"), "owned");
  assert.equal(await tab.run("document.querySelectorAll('img').length"), 0);
  await tab.close();
}

/** Milliseconds from the beginning to the first thing that is seen. */
const FIRST_PAINT =
  "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? performance.timing.loadEventEnd - performance.timing.navigationStart";

/** Opening, and frames while a plot of `name` is turned. */
async function speed(name, view) {
  // The best of three: the machine may have been busy with something else.
  let opening = Infinity;
  let tab;
  for (let k = 0; k < 3; k++) {
    await tab?.close();
    tab = await open(name);
    await wait(200);
    opening = Math.min(opening, await tab.run(FIRST_PAINT));
  }
  await show(tab, view);
  await wait(300);
  const frames = await tab.run(`new Promise((done) => {
    const canvas = document.querySelector('.view:not([hidden]) canvas');
    const event = (type, x) => canvas.dispatchEvent(new PointerEvent(type, { pointerId: 1, clientX: x, clientY: 300, bubbles: true }));
    canvas.setPointerCapture = () => {};
    event('pointerdown', 300);
    const times = [];
    let last = performance.now();
    const frame = (now) => {
      times.push(now - last);
      last = now;
      event('pointermove', 300 + 3 * times.length);
      if (times.length < 120) requestAnimationFrame(frame);
      else { event('pointerup', 0); done(times.slice(5).sort((a, b) => a - b)); }
    };
    requestAnimationFrame(frame);
  })`);
  const [median, late] = [frames[Math.floor(frames.length / 2)], frames[Math.floor(frames.length * 0.95)]];
  console.log(`${name}: first paint ${opening.toFixed(0)} ms; turning: median frame ${median.toFixed(1)} ms, 95 % below ${late.toFixed(1)} ms`);
  assert.ok(opening < MOST_OPENING, `${name} opens in ${opening} ms`);
  assert.ok(median < 1.5 * FRAME, `${name}: a frame takes ${median} ms`);
  quiet(tab, name);
  await tab.close();
}

/** Sorting, filtering, selecting, over the views of the quick start. */
async function reading() {
  const tab = await open("quick.html");
  await show(tab, "Features");
  const cells = (k) => tab.run(`[...document.querySelectorAll('.rows .row')].map((row) => Number(row.children[${k}].title))`);
  const head = (name) => tab.run(`[...document.querySelectorAll('.head button')].find((head) => head.textContent === '${name}').click()`);
  await head("norm");
  const falling = await cells(1);
  assert.ok(falling.length > 10 && falling.every((value, k) => k === 0 || value <= falling[k - 1]), "sorted by norm, falling");
  await head("norm");
  const rising = await cells(1);
  assert.ok(rising.every((value, k) => k === 0 || value >= rising[k - 1]) && rising[0] < falling[0], "and rising");
  await tab.run("(() => { const input = document.querySelector('input[type=search]'); input.value = 'norm > 0.5'; input.dispatchEvent(new Event('input')); })()");
  await until(tab, "document.querySelector('.controls [role=status]').textContent.startsWith('45 of 100')", "the filter");
  assert.ok((await cells(1)).every((norm) => norm > 0.5));
  await tab.run("document.querySelector('.rows .row').click()");
  const chosen = await tab.run("document.querySelector('aside h2').textContent");
  assert.equal(chosen, String((await cells(0))[0]), "the selected feature");
  // The nearest one, by the page's own sums, is the analysis'.
  const [value, shown] = await tab.run(`(() => {
    const row = [...document.querySelectorAll('aside tr')].find((row) => row.firstChild.textContent === 'min_cosine');
    const lists = document.querySelectorAll('aside ol');
    return [Number(row.lastChild.textContent), Number(lists[1].querySelector('.value').textContent)];
  })()`);
  assert.ok(Math.abs(value - shown) < 1e-4, `${value} and ${shown}`);
  // Keys.
  await tab.run("document.querySelector('.table').focus()");
  await tab.key("ArrowDown");
  assert.notEqual(await tab.run("document.querySelector('aside h2').textContent"), chosen);
  assert.equal(await tab.run("document.querySelectorAll('.row.chosen').length"), 1);
  // The selection and the filter are those of the other views: the saved table of coordinates has the 45.
  await show(tab, "Geometry");
  const rows = await tab.run("(async () => { saved.length = 0; document.querySelectorAll('.exports button')[1].click(); return (await saved[0].text()).trim().split('\\n').length; })()");
  assert.equal(rows, 46);
  const before = await tab.run("document.querySelector('.view:not([hidden]) canvas').toDataURL()");
  await tab.run("document.querySelector('.view:not([hidden]) canvas').focus()");
  await tab.key("ArrowRight");
  await wait(100);
  assert.notEqual(await tab.run("document.querySelector('.view:not([hidden]) canvas').toDataURL()"), before, "a key turns it");
  // A click on a tip selects; hovering says what it is.
  await show(tab, "Interference");
  await until(tab, "!document.querySelector('.view:not([hidden]) .note').textContent.includes('computing')", "the map");
  const place = await tab.run("(() => { const box = document.querySelector('.view:not([hidden]) canvas').getBoundingClientRect(); return [box.left + 80, box.top + 60]; })()");
  await tab.mouse("mouseMoved", ...place);
  assert.match(await tab.run("document.querySelector('.hint').textContent"), /cosine -?[\d.]+/);
  await tab.click(...place);
  assert.equal(await tab.run("document.querySelectorAll('.chip').length"), 1, "a pair is selected");
  // Playback.
  await show(tab, "Training");
  const last = await tab.run(`(${COLORS}, document.querySelectorAll('.view:not([hidden]) canvas')[1].toDataURL())`);
  await tab.run("(() => { const slider = document.querySelector('input[type=range]'); slider.value = 3; slider.dispatchEvent(new Event('input')); })()");
  await wait(100);
  assert.notEqual(await tab.run("document.querySelectorAll('.view:not([hidden]) canvas')[1].toDataURL()"), last, "the slider moves the features");
  quiet(tab, "quick.html");
  await tab.close();
}

/** A click on a cell says what is known of it. */
async function phases() {
  const tab = await open("phases.html");
  await show(tab, "Phases");
  const place = await tab.run("(() => { const box = document.querySelector('.view:not([hidden]) canvas').getBoundingClientRect(); return [box.left + 120, box.top + 60]; })()");
  await tab.click(...place);
  const rows = await tab.run("[...document.querySelectorAll('.detail tr')].map((row) => row.textContent)");
  assert.ok(rows.length > 10 && rows[0].startsWith("relative importance"), rows.join("; "));
  await tab.close();
}

/** A click on a point of a sweep draws the run's model, where its document holds it. */
async function models() {
  const tab = await open("planes.html");
  await show(tab, "Sweep");
  assert.equal(await tab.run("document.querySelectorAll('.view:not([hidden]) canvas').length"), 2, "points, and room for a model");
  const before = await tab.run("document.querySelectorAll('.view:not([hidden]) canvas')[1].toDataURL()");
  // The first point that the pointer finds.
  const place = await tab.run(`(() => {
    const canvas = document.querySelector('.view:not([hidden]) canvas');
    const box = canvas.getBoundingClientRect();
    const { data, width } = canvas.getContext('2d').getImageData(80, 20, canvas.width - 100, canvas.height - 80);
    const [r, g, b] = [0, 114, 178];
    for (let k = 0; k < data.length; k += 4) {
      const near = Math.abs(data[k] - r) + Math.abs(data[k + 1] - g) + Math.abs(data[k + 2] - b);
      if (near < 60) return [box.left + 80 + ((k / 4) % width), box.top + 20 + Math.floor(k / 4 / width) + 2];
    }
    return null;
  })()`);
  assert.ok(place, "a point is drawn");
  await tab.click(...place);
  await wait(100);
  const rows = await tab.run("[...document.querySelectorAll('.detail tr')].map((row) => row.textContent)");
  assert.ok(rows.some((row) => row.startsWith("sparsity")), rows.join("; "));
  assert.notEqual(await tab.run("document.querySelectorAll('.view:not([hidden]) canvas')[1].toDataURL()"), before, "its model");
  quiet(tab, "planes.html");
  await tab.close();
}

/** As a notebook shows it: the text of the page in a frame, and in one that may run scripts and nothing else. */
async function notebook() {
  const page = readFileSync(join(folder, "quick.html"), "utf8").replaceAll("&", "&amp;").replaceAll('"', "&quot;");
  for (const sandbox of ["", 'sandbox="allow-scripts"']) {
    writeFileSync(join(folder, "notebook.html"), `<!doctype html><meta charset="utf-8"><iframe ${sandbox} width="900" height="600" srcdoc="${page}"></iframe>`);
    const tab = await browser.tab();
    await tab.open(`file://${join(folder, "notebook.html")}`);
    await wait(500);
    if (!sandbox) {
      const inside = "document.querySelector('iframe').contentDocument";
      assert.equal(await tab.run(`${inside}.querySelectorAll('[role=tab]').length`), 8);
      await tab.run(`[...${inside}.querySelectorAll('[role=tab]')].find((tab) => tab.textContent === 'Geometry').click()`);
      await wait(300);
      for (const colors of await tab.run(COLORS.replace("document", inside))) assert.ok(colors > 3, "a view is drawn");
    }
    // A blank frame is a picture of some 5 kB.
    assert.ok((await tab.screenshot()).length > 20_000, "something is seen");
    quiet(tab, "notebook.html");
    await tab.close();
  }
}

/** On paper: what is drawn and said, dark on white, without what is there to be clicked. */
async function print() {
  const tab = await open("quick.html", { scheme: "dark" });
  await show(tab, "Geometry");
  const background = () => tab.run("getComputedStyle(document.body).backgroundColor");
  const onScreen = await background();
  await tab.run("dispatchEvent(new Event('beforeprint'))");
  await tab.call("Emulation.setEmulatedMedia", { media: "print", features: [{ name: "prefers-color-scheme", value: "dark" }] });
  await wait(200);
  assert.notEqual(await background(), onScreen);
  assert.equal(await background(), "rgb(255, 255, 255)");
  const left = await tab.run("[...document.querySelectorAll('.tabs, .exports, .controls')].filter((of) => of.offsetParent).length");
  assert.equal(left, 0, "controls are not printed");
  const corner = await tab.run("[...document.querySelector('.view:not([hidden]) canvas').getContext('2d').getImageData(1, 1, 1, 1).data].slice(0, 3)");
  assert.deepEqual(corner, [255, 255, 255], "drawn on white");
  const { data } = await tab.call("Page.printToPDF", { printBackground: true });
  const pdf = Buffer.from(data, "base64");
  assert.ok(pdf.subarray(0, 5).toString() === "%PDF-" && pdf.length > 10_000, `${pdf.length} bytes`);
  await tab.run("dispatchEvent(new Event('afterprint'))");
  await tab.call("Emulation.setEmulatedMedia", { media: "screen", features: [{ name: "prefers-color-scheme", value: "dark" }] });
  assert.equal(await background(), onScreen);
  quiet(tab, "quick.html printed");
  await tab.close();
}

const dictionary = ["Overview", "Geometry", "Interference", "Features", "Clusters", "Neurons"];
const all = [...dictionary, "Training", "Phases", "Probes"];
const failures = [];
const check = async (what, test) => {
  try {
    await test();
    console.log(`ok: ${what}`);
  } catch (error) {
    failures.push(what);
    console.log(`FAILED: ${what}\n${error.stack}`);
  }
};
await check("size", async () => {
  const tab = await open("quick.html");
  const bytes = statSync(join(folder, "quick.html")).size - (await tab.run("document.getElementById('data').textContent.length"));
  console.log(`quick.html without its data: ${bytes} bytes`);
  assert.ok(bytes < MOST_BYTES);
  await tab.close();
});
await check("the quick start", () => everyView("quick.html", [...dictionary, "Training", "Probes"]));
await check("the quick start, dark and narrow", () => everyView("quick.html", [...dictionary, "Training", "Probes"], { scheme: "dark", width: 420 }));
await check("a slice of an embedding", () => everyView("slice.html", dictionary));
await check("a dictionary of 30,522 x 384, capped", async () => {
  await everyView("embedding.html", dictionary.filter((title) => title !== "Clusters"));
  const tab = await open("embedding.html");
  assert.match(await tab.run("document.querySelector('main').textContent"), /5461 of 30522 features are here/);
  await tab.close();
});
await check("phases", () => everyView("phases.html", ["Overview", "Phases"]));
await check("a sweep", () => everyView("sweep.html", ["Overview", "Sweep"]));
await check("a dictionary read in blocks", async () => {
  await everyView("blocks.html", ["Overview", "Features"]);
  const tab = await open("blocks.html");
  assert.match(await tab.run("document.querySelector('main').textContent"), /are not here, because they were read in blocks/);
  await tab.close();
});
await check("probes alone", () => everyView("probe.html", ["Overview", "Features", "Probes"]));
for (const [name, views] of [["labels", all], ["nan", all], ["one", all], ["empty", ["Overview"]]]) {
  await check(`hostile: ${name}`, () => everyView(`hostile-${name}.html`, views));
}
await check("sorting, filtering, selecting, keys", reading);
await check("a cell of a phase diagram", phases);
await check("a run of a sweep and its model", models);
await check("in a notebook's frame", notebook);
await check("on paper", print);
await check("speed: the quick start", () => speed("quick.html", "Geometry"));
await check("speed: 16,384 features", () => speed("large.html", "Geometry"));
await check("speed: 16,384 features, their pairs", () => speed("large.html", "Interference"));
await check("speed: an embedding", () => speed("embedding.html", "Geometry"));
await browser.close();
if (failures.length) {
  console.log(`failed: ${failures.join(", ")}`);
  process.exit(1);
}
