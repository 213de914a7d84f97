// SPDX-License-Identifier: Apache-2.0

import { type TimelineData, text, unpack } from './data';

/** Chunk is what each CPU did within a part of the recording, slice by slice. */
export interface Chunk {
  begin: number; // what lies before it is in the chunk before it, too
  cpus: Map<number, [number, number]>; // first slice and the one behind the last, by CPU
  from: Float64Array; // ns since the recording began
  to: Float64Array;
  thread: Uint32Array;
  wait: Float64Array;
  state: Uint8Array;
}

const mostLoaded = 160;

/** Slices unpacks chunks as they are asked for, and keeps the last of them. */
export class Slices {
  private lines: string[];
  private place = new Map<number, number>();
  private loaded = new Map<number, Chunk>();
  private pending = new Set<number>();

  constructor(private data: TimelineData, private arrived: () => void) {
    this.lines = text('slices').split('\n');
    (data.chunks ?? []).forEach((chunk, i) => this.place.set(chunk, i));
  }

  /** has tells whether the page has a chunk at all. */
  has(chunk: number): boolean { return this.place.has(chunk); }

  /** range is the first and the last chunk of a span. */
  range(from: number, to: number): [number, number] {
    if (!this.data.chunk_ns) return [0, -1];
    const at = (ns: number) => Math.min(Math.max(Math.floor(ns / this.data.chunk_ns), 0), this.data.chunk_count - 1);
    return [at(from), at(to)];
  }

  /** get is a chunk that is unpacked; others come later, and arrived is called. */
  get(chunk: number): Chunk | undefined {
    const found = this.loaded.get(chunk);
    if (!found && this.has(chunk) && !this.pending.has(chunk)) void this.load(chunk);
    return found;
  }

  private async load(chunk: number): Promise<void> {
    this.pending.add(chunk);
    const bytes = await unpack(this.lines[this.place.get(chunk)!]);
    this.loaded.set(chunk, decode(bytes, chunk * this.data.chunk_ns));
    this.pending.delete(chunk);
    if (this.loaded.size > mostLoaded) this.loaded.delete(this.loaded.keys().next().value!);
    if (this.pending.size === 0) this.arrived();
  }
}

/** decode reads what report/packslices.go wrote. */
function decode(bytes: Uint8Array, begin: number): Chunk {
  let at = 0;
  const number = () => {
    let n = 0, shift = 1;
    for (;;) {
      const b = bytes[at++];
      n += (b & 127) * shift;
      if (b < 128) return n;
      shift *= 128;
    }
  };
  const cpus = new Map<number, [number, number]>();
  let n = 0;
  for (let left = number(); left > 0; left--) {
    const cpu = number(), count = number();
    cpus.set(cpu, [n, n + count]);
    n += count;
  }
  const chunk: Chunk = { begin, cpus, from: new Float64Array(n), to: new Float64Array(n), thread: new Uint32Array(n), wait: new Float64Array(n), state: new Uint8Array(n) };
  for (let i = 0; i < n; i++) {
    const z = number();
    chunk.from[i] = z % 2 ? -(z + 1) / 2 : z / 2;
  }
  for (let i = 0; i < n; i++) chunk.to[i] = number();
  for (let i = 0; i < n; i++) chunk.thread[i] = number();
  for (let i = 0; i < n; i++) chunk.wait[i] = number();
  for (let i = 0; i < n; i++) chunk.state[i] = bytes[at++];
  for (const [first, end] of cpus.values()) {
    let last = begin;
    for (let i = first; i < end; i++) {
      chunk.from[i] += last;
      last = chunk.to[i] += chunk.from[i];
    }
  }
  return chunk;
}

/** sliceAt is the slice of a CPU at an instant, -1 when there is none. */
export function sliceAt(chunk: Chunk, cpu: number, ns: number): number {
  const range = chunk.cpus.get(cpu);
  if (!range) return -1;
  let [low, high] = range;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (chunk.to[middle] <= ns) low = middle + 1; else high = middle;
  }
  return low < range[1] && chunk.from[low] <= ns ? low : -1;
}
