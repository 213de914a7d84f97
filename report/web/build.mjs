// SPDX-License-Identifier: Apache-2.0

// Makes dist of src: one script, one style sheet, and the licences of what is in them.
import { build } from 'esbuild';
import { readFileSync, writeFileSync } from 'node:fs';

const common = { bundle: true, minify: true, charset: 'ascii', legalComments: 'none', target: 'es2022', logLevel: 'warning' };
const script = await build({ ...common, entryPoints: ['src/main.ts'], outfile: 'dist/report.js', format: 'iife', metafile: true });
await build({ ...common, entryPoints: ['src/style.css'], outfile: 'dist/report.css' });

const packages = new Set();
for (const path of Object.keys(script.metafile.inputs)) {
  const found = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path);
  if (found) packages.add(found[1]);
}
const files = { echarts: ['LICENSE', 'NOTICE'], zrender: ['LICENSE'], tslib: ['LICENSE.txt'] };
let text = '';
for (const name of [...packages].sort()) {
  if (!files[name]) throw new Error(`${name} is in the page, and its licence is not`);
  const { version } = JSON.parse(readFileSync(`node_modules/${name}/package.json`, 'utf8'));
  text += `==== ${name} ${version}\n\n`;
  for (const file of files[name]) text += readFileSync(`node_modules/${name}/${file}`, 'utf8').replaceAll('\r', '').trim() + '\n\n';
}
writeFileSync('dist/licenses.txt', text);
