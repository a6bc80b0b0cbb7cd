// Runs a program built for wasm32-unknown-unknown, which nothing is imported into, and prints how many checks held.
// Arguments: the program, and how many there are.
import { readFile } from "node:fs/promises";

const [path, expected] = process.argv.slice(2);
const { instance } = await WebAssembly.instantiate(await readFile(path), {});
const held = instance.exports.main(0, 0);
console.log(`${held} checks held in WebAssembly`);
process.exit(held === Number(expected) ? 0 : 1);
