// Pictures of every view of a page, to be looked at: node look.mjs PAGE.html FOLDER [dark] [WIDTH]

import { mkdirSync, writeFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { launch } from "./browser.mjs";

const [page, folder, ...how] = process.argv.slice(2);
const scheme = how.includes("dark") ? "dark" : "light";
const width = Number(how.find((word) => /^\d+$/.test(word)) ?? 1280);
mkdirSync(folder, { recursive: true });
const browser = await launch(process.env.CHROMIUM ?? "chromium");
const tab = await browser.tab({ scheme, width });
await tab.open(`file://${resolve(page)}`);
const titles = await tab.run("[...document.querySelectorAll('[role=tab]')].map((tab) => tab.textContent)");
for (const [k, title] of titles.entries()) {
  await tab.run(`document.getElementById("tab-${k}").click()`);
  if (k === 1) await tab.run("document.querySelector('#view-1 canvas')?.focus()");
  await new Promise((done) => setTimeout(done, 900));
  writeFileSync(join(folder, `${basename(page, ".html")}-${scheme}-${width}-${k}-${title.toLowerCase()}.png`), await tab.screenshot());
}
console.log(titles.join(", "), tab.errors, tab.requests);
await browser.close();
