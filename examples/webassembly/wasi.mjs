// Runs a program for WebAssembly, as `qopt compile --target wasm32 --emit exe`
// makes them, with access to all files:
//
//   node wasi.mjs PROGRAM ARGUMENTS...
//
// Arguments that are no options are files. Node.js 18 needs the option
// --experimental-wasi-unstable-preview1, which later versions accept.
// `qopt run` and `qopt eval` take it as --emulator 'node wasi.mjs'.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { WASI } from 'node:wasi';

const [program, ...args] = process.argv.slice(2);
if (!program) {
  console.error('usage: node wasi.mjs PROGRAM ARGUMENTS...');
  process.exit(2);
}
// The program's only folder is the root.
const files = args.map((arg) => arg.startsWith('-') ? arg : resolve(arg));
const wasi = new WASI(
    { version: 'preview1', args: [program, ...files], preopens: { '/': '/' },
      returnOnExit: true });
const module = new WebAssembly.Module(readFileSync(program));
const instance = new WebAssembly.Instance(
    module, { wasi_snapshot_preview1: wasi.wasiImport });
process.exit(wasi.start(instance));
