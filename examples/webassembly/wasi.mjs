#!/usr/bin/env -S node --no-warnings --experimental-wasi-unstable-preview1
// Runs a program for WebAssembly, as `qopt compile --target wasm32 --emit exe`
// makes them, with access to all files:
//
//   wasi.mjs PROGRAM ARGUMENTS...
//
// What follows --input and --output are files. Node.js 18 needs the option
// --experimental-wasi-unstable-preview1, which later versions accept.
// `qopt run` and `qopt eval` take it as --emulator wasi.mjs, with its folder.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { WASI } from 'node:wasi';

const [program, ...args] = process.argv.slice(2);
if (!program) {
  console.error('usage: wasi.mjs PROGRAM ARGUMENTS...');
  process.exit(2);
}
// The program's only folder is the root.
let areFiles = false;
const resolved = args.map((arg) => {
  if (!arg.startsWith('-'))
    return areFiles ? resolve(arg) : arg;
  areFiles = arg === '--input' || arg === '--output';
  return arg;
});
const wasi = new WASI(
    { version: 'preview1', args: [program, ...resolved], preopens: { '/': '/' },
      returnOnExit: true });
try {
  const module = new WebAssembly.Module(readFileSync(program));
  const instance = new WebAssembly.Instance(
      module, { wasi_snapshot_preview1: wasi.wasiImport });
  if (!instance.exports._start)
    throw new Error('a module without _start');
  process.exitCode = wasi.start(instance);
} catch (error) {
  console.error(`wasi: ${program}: expected a program for WASI, got ${error.message}`);
  process.exitCode = 1;
}
