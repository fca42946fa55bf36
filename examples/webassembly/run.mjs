// Runs a model compiled to a module of WebAssembly on bytes, as a web page would:
//
//   qopt compile MODEL --calibrate DATA --target wasm32 -o model.wasm
//   node run.mjs model.wasm INPUT.bin...
//
// Each file holds the elements of one input in the model's order. Prints
// the bytes of every output in hexadecimal.
import { readFileSync } from 'node:fs';

const [path, ...inputFiles] = process.argv.slice(2);
if (!path) {
  console.error('usage: node run.mjs MODULE INPUT.bin...');
  process.exit(2);
}
// What is looked at, and what it has to be.
let file = path, wanted = 'a module that needs nothing and exports NAME_run';
try {
  const module = new WebAssembly.Module(readFileSync(path));
  const [needed] = WebAssembly.Module.imports(module);
  if (needed)
    throw new Error(`one that imports ${needed.module}.${needed.name}`);
  const { exports } = new WebAssembly.Instance(module);
  const run = Object.keys(exports).find((key) => key.endsWith('_run'));
  if (!run)
    throw new Error('one without NAME_run');
  const name = run.slice(0, -'_run'.length);

  // qopt_model_info and qopt_tensor_info, with pointers of 32 bits.
  const elementBytes = { 1: 4, 2: 1, 3: 1, 4: 2, 5: 2, 6: 4, 7: 8, 9: 1, 10: 2, 11: 8 };
  const word = (at) => new DataView(exports.memory.buffer).getUint32(at, true);
  const info = exports[`${name}_info`]();
  const arenaBytes = word(info + 12);
  const tensors = (count, first) => Array.from({ length: count }, (_, i) => {
    const at = first + 24 * i;
    const view = new DataView(exports.memory.buffer);
    let bytes = elementBytes[word(at + 4)];
    for (let dim = 0; dim < word(at + 8); ++dim)
      bytes *= Number(view.getBigInt64(word(at + 12) + 8 * dim, true));
    return { bytes };
  });
  const inputs = tensors(word(info + 20), word(info + 28));
  const outputs = tensors(word(info + 24), word(info + 32));
  if (inputFiles.length !== inputs.length) {
    console.error(`run: expected a file for each of ${inputs.length} inputs, got ${inputFiles.length}`);
    process.exit(2);
  }

  // All that is beyond the module's own data is the caller's.
  let end = exports.__heap_base.value;
  const allocate = (bytes) => {
    const start = Math.ceil(end / 64) * 64;
    end = start + bytes;
    const missing = end - exports.memory.buffer.byteLength;
    if (missing > 0)
      exports.memory.grow(Math.ceil(missing / 65536));
    return start;
  };
  const arena = allocate(arenaBytes);
  const addresses = (list) => {
    for (const tensor of list)
      tensor.address = allocate(tensor.bytes);
    const table = allocate(4 * list.length);
    const view = new DataView(exports.memory.buffer);
    list.forEach((tensor, i) => view.setUint32(table + 4 * i, tensor.address, true));
    return table;
  };
  const inputTable = addresses(inputs), outputTable = addresses(outputs);
  inputs.forEach((tensor, i) => {
    [file, wanted] = [inputFiles[i], `${tensor.bytes} bytes`];
    const data = readFileSync(file);
    if (data.length !== tensor.bytes)
      throw new Error(data.length);
    new Uint8Array(exports.memory.buffer).set(data, tensor.address);
  });
  [file, wanted] = [path, `0 of ${run}`];
  const code = exports[run](inputTable, outputTable, arena);
  if (code !== 0)
    throw new Error(code);
  for (const { address, bytes } of outputs)
    console.log(Buffer.from(exports.memory.buffer, address, bytes).toString('hex'));
} catch (error) {
  console.error(`run: ${file}: expected ${wanted}, got ${error.message}`);
  process.exit(1);
}
