// SPDX-License-Identifier: Apache-2.0

// Runs the trace_processor of ui.perfetto.dev, which is WebAssembly for a browser's
// worker: node trace_processor.js DIRECTORY takes its RPC messages on standard
// input and writes its replies to standard output.

import fs from 'node:fs';
import path from 'node:path';
import vm from 'node:vm';

const directory = process.argv[2];

// What the page gives its worker.
globalThis.self = globalThis;
globalThis.location = {href: 'http://localhost/engine_bundle.js'};
globalThis.WorkerGlobalScope = Object;
globalThis.XMLHttpRequest = class {
  open(method, url) {
    this.file = path.join(directory, path.basename(url));
  }
  send() {
    const b = fs.readFileSync(this.file);
    this.response = b.buffer.slice(b.byteOffset, b.byteOffset + b.length);
  }
};
console.log = console.warn = console.error;
globalThis.process = undefined; // or it would refuse to run outside of a browser

vm.runInThisContext(fs.readFileSync(path.join(directory, 'engine_bundle.js'), 'utf8'));

function write(reply) {
  for (let at = 0; at < reply.length;) at += fs.writeSync(1, reply, at);
}

const port = {postMessage: write};
self.onmessage({data: port});
setTimeout(() => { // once it is ready
  const buffer = Buffer.alloc(1 << 20);
  for (let n; (n = fs.readSync(0, buffer)) > 0;) {
    port.onmessage({data: new Uint8Array(buffer.subarray(0, n))});
  }
}, 0);
