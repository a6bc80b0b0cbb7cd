// A headless Chromium over its debugging pipe: no WebSocket, no package.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Milliseconds in which an answer must come. */
const PATIENCE = 60_000;

/** Starts a browser; `tab()` opens a page that records what it logs and what it asks a network for. */
export async function launch(program) {
  const profile = mkdtempSync(join(tmpdir(), "page-test-"));
  const child = spawn(
    program,
    ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-pipe", "--hide-scrollbars", "--no-first-run", `--user-data-dir=${profile}`],
    { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] },
  );
  const failed = new Promise((_, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`the browser ended with ${code}`)));
  });
  failed.catch(() => {});
  let next = 0;
  let rest = "";
  const waiting = new Map();
  const listeners = [];
  child.stdio[4].setEncoding("utf8");
  child.stdio[4].on("data", (chunk) => {
    const messages = (rest + chunk).split("\0");
    rest = messages.pop();
    for (const text of messages) {
      const message = JSON.parse(text);
      if (message.id === undefined) {
        for (const listener of listeners) listener(message);
        continue;
      }
      const { resolve, reject } = waiting.get(message.id);
      waiting.delete(message.id);
      if (message.error) reject(new Error(message.error.message));
      else resolve(message.result);
    }
  });
  const send = (method, params = {}, sessionId = undefined) => {
    const id = ++next;
    child.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    const answer = new Promise((resolve, reject) => waiting.set(id, { resolve, reject }));
    const late = new Promise((_, reject) => setTimeout(() => reject(new Error(`no answer to ${method}`)), PATIENCE).unref());
    return Promise.race([answer, late, failed]);
  };
  return {
    async tab({ width = 1280, height = 860, scheme = "light" } = {}) {
      const { targetId } = await send("Target.createTarget", { url: "about:blank" });
      const { sessionId } = await send("Target.attachToTarget", { targetId, flatten: true });
      const call = (method, params) => send(method, params, sessionId);
      const tab = { errors: [], requests: [], downloads: [] };
      const loaded = [];
      listeners.push(({ method, params, sessionId: from }) => {
        if (from !== sessionId) return;
        if (method === "Runtime.exceptionThrown") tab.errors.push(params.exceptionDetails.exception?.description ?? params.exceptionDetails.text);
        if (method === "Runtime.consoleAPICalled" && ["error", "warning", "assert"].includes(params.type)) tab.errors.push(params.args.map((arg) => arg.value).join(" "));
        if (method === "Log.entryAdded" && params.entry.level !== "verbose") tab.errors.push(params.entry.text);
        if (method === "Network.requestWillBeSent" && !/^(file|blob|data):/.test(params.request.url)) tab.requests.push(params.request.url);
        if (method === "Page.loadEventFired") loaded.splice(0).forEach((done) => done());
      });
      for (const domain of ["Page", "Runtime", "Log", "Network"]) await call(`${domain}.enable`);
      await call("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: 1, mobile: false });
      await call("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: scheme }] });
      return Object.assign(tab, {
        call,
        async open(url) {
          const done = new Promise((resolve) => loaded.push(resolve));
          await call("Page.navigate", { url });
          await Promise.race([done, failed]);
        },
        /** The value of an expression, awaited in the page. */
        async run(expression) {
          const { result, exceptionDetails } = await call("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
          if (exceptionDetails) throw new Error(`${exceptionDetails.exception?.description ?? exceptionDetails.text}\nin ${expression}`);
          return result.value;
        },
        mouse: (type, x, y, more = {}) => call("Input.dispatchMouseEvent", { type, x, y, ...more }),
        async click(x, y, modifiers = 0) {
          for (const type of ["mousePressed", "mouseReleased"]) await call("Input.dispatchMouseEvent", { type, x, y, button: "left", buttons: 1, clickCount: 1, modifiers });
        },
        async key(key) {
          for (const type of ["keyDown", "keyUp"]) await call("Input.dispatchKeyEvent", { type, key, code: key });
        },
        async screenshot() {
          const { data } = await call("Page.captureScreenshot", { format: "png" });
          return Buffer.from(data, "base64");
        },
        close: () => send("Target.closeTarget", { targetId }),
      });
    },
    async close() {
      const ended = new Promise((resolve) => child.once("exit", resolve));
      await send("Browser.close").catch(() => {});
      await ended;
      rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
