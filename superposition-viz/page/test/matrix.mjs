// A matrix of directions without a dictionary to hand: node matrix.mjs ROWS COLUMNS FILE.npy
// Noise with a few shared directions, and every fiftieth feature nearly the one before it.

import { writeFileSync } from "node:fs";

const [rows, columns] = process.argv.slice(2, 4).map(Number);
let state = 1;
const random = () => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state / 2 ** 32 - 0.5;
};
const shared = Array.from({ length: 24 }, () => Float32Array.from({ length: columns }, random));
const values = new Float32Array(rows * columns);
for (let i = 0; i < rows; i++) {
  const a = shared[i % 24];
  const twin = i % 50 === 49;
  for (let k = 0; k < columns; k++) {
    const at = i * columns + k;
    values[at] = twin ? values[at - columns] + 0.2 * random() : 0.3 * a[k] + random();
  }
}
const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${rows}, ${columns}), }`;
const header = `${text.padEnd(117)}\n`;
writeFileSync(process.argv[4], Buffer.concat([Buffer.from([0x93, ...Buffer.from("NUMPY"), 1, 0, header.length, 0]), Buffer.from(header, "latin1"), Buffer.from(values.buffer)]));
