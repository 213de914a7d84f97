// SPDX-License-Identifier: Apache-2.0

import { colour, css, pixel } from './colours';
import type { TimelineData } from './data';
import { type CPULevel, fit, type LaneLevel, top } from './levels';
import type { Pixels } from './pixels';
import type { Chunk, Slices } from './slices';

/** Frame is what part of the recording is drawn where, in pixels of the device. */
export interface Frame { from: number; nsPerPixel: number; width: number }

/** mostChunks is how many parts of the recording are drawn slice by slice. */
const mostChunks = 40;

/** Painter draws what CPUs and processes did into lanes. */
export class Painter {
  private tones: number[] = [];
  private dim = 0;
  private faint = 0;
  private waiting = 0;
  private wanted: Uint8Array | null = null;
  private chunks: (Chunk | undefined)[] = [];
  private firstChunk = 0;
  private byProcess = new Map<number, { run: Float32Array; wait: Float32Array }>();
  private exact: Uint8Array = new Uint8Array(0); // by column: slices are there

  constructor(private data: TimelineData, private cpuLevels: CPULevel[], private laneLevels: LaneLevel[], private slices: Slices) { this.colours(); }

  /** colours are read anew when the theme changes. */
  colours(): void {
    const cache = new Map<string, number>();
    this.tones = this.data.names.map((n, i) => {
      if (i === 0 || n.pid === 0 && n.comm === 'all others') return pixel(css('faint'));
      let p = cache.get(n.comm);
      if (p === undefined) cache.set(n.comm, (p = pixel(colour(n.comm))));
      return p;
    });
    this.dim = pixel(css('line'));
    this.faint = pixel(css('faint'));
    this.waiting = pixel(css('wait'));
  }

  /** highlight shows only the processes that are wanted in their colours; null: all. */
  highlight(wanted: Uint8Array | null): void { this.wanted = wanted; }

  private tone(name: number): number { return this.wanted && !this.wanted[name] ? this.dim : this.tones[name]; }

  /** begin looks which slices there are. Each is looked at once for all processes. */
  begin(f: Frame, lanes: number[]): void {
    const end = f.from + f.width * f.nsPerPixel;
    const [first, last] = this.slices.range(f.from, end);
    this.firstChunk = first;
    this.chunks = [];
    this.exact = new Uint8Array(f.width);
    this.byProcess.clear();
    if (last - first >= mostChunks) return;
    for (let i = first; i <= last; i++) {
      const chunk = this.slices.get(i);
      this.chunks.push(chunk);
      if (!chunk) continue;
      const x0 = Math.max(0, Math.floor((i * this.data.chunk_ns - f.from) / f.nsPerPixel));
      const x1 = Math.ceil(((i + 1) * this.data.chunk_ns - f.from) / f.nsPerPixel);
      this.exact.fill(1, x0, Math.max(x0, x1));
    }
    for (const lane of lanes) this.byProcess.set((this.data.lanes ?? [])[lane].name, { run: new Float32Array(f.width), wait: new Float32Array(f.width) });
    if (lanes.length > 0) for (const chunk of this.chunks) if (chunk) this.spread(chunk, f);
  }

  /** chunkAt is the unpacked chunk of an instant. */
  chunkAt(ns: number): Chunk | undefined { return this.chunks[Math.floor(ns / this.data.chunk_ns) - this.firstChunk]; }

  /** single tells whether an instant is drawn slice by slice. */
  single(x: number): boolean { return this.exact[x] === 1; }

  /** spread gives the slices of a chunk to the processes that are drawn. */
  private spread(chunk: Chunk, f: Frame): void {
    const threads = this.data.threads ?? [];
    for (let i = 0; i < chunk.from.length; i++) {
      const lane = this.byProcess.get(threads[chunk.thread[i]][1]);
      if (!lane) continue;
      cover(lane.run, Math.max(chunk.from[i], chunk.begin), chunk.to[i], f);
      if (chunk.wait[i] > 0) cover(lane.wait, chunk.from[i] - chunk.wait[i], chunk.from[i], f);
    }
  }

  /** cpu draws a CPU's lane. */
  cpu(into: Pixels, f: Frame, lane: number, y0: number, y1: number): void {
    const level = fit(this.cpuLevels, f.nsPerPixel);
    const height = y1 - y0;
    const ids = level.ids[lane], shares = level.shares[lane], busy = level.busy[lane];
    for (let x = 0; x < f.width; x++) {
      if (this.exact[x]) continue;
      const bucket = Math.floor((f.from + x * f.nsPerPixel) / level.ns);
      if (bucket < 0 || bucket >= level.count || busy[bucket] === 0) continue;
      let y = y1;
      for (let i = 0; i < top; i++) {
        const share = shares[i * level.count + bucket];
        if (share === 0) break;
        const up = Math.max(1, Math.round((share * height) / 255));
        into.column(x, Math.max(y0, y - up), y, this.tone(ids[i * level.count + bucket]));
        y -= up;
      }
      const full = y1 - Math.round((busy[bucket] * height) / 255);
      if (full < y) into.column(x, Math.max(y0, full), y, this.faint);
    }
    for (const chunk of this.chunks) if (chunk) this.cpuSlices(into, f, chunk, (this.data.cpus ?? [])[lane], y0, y1);
  }

  /** cpuSlices draws slices; where several share a pixel it is as high as they filled it. */
  private cpuSlices(into: Pixels, f: Frame, chunk: Chunk, cpu: number, y0: number, y1: number): void {
    const range = chunk.cpus.get(cpu);
    if (!range) return;
    const threads = this.data.threads ?? [];
    const height = y1 - y0;
    let column = -1, filled = 0, most = 0, tone = 0;
    const flush = () => {
      if (column >= 0 && filled > 0) into.column(column, y1 - Math.max(1, Math.round(Math.min(1, filled) * height)), y1, tone);
      filled = most = 0;
    };
    for (let i = range[0]; i < range[1]; i++) {
      const a = (Math.max(chunk.from[i], chunk.begin) - f.from) / f.nsPerPixel, b = (chunk.to[i] - f.from) / f.nsPerPixel;
      if (b < 0 || a > f.width) continue;
      const colour = this.tone(threads[chunk.thread[i]][1]);
      const first = Math.floor(a), last = Math.floor(b);
      if (first !== column) { flush(); column = first; }
      const here = Math.min(b, first + 1) - a;
      filled += here;
      if (here >= most) { most = here; tone = colour; }
      if (last === first) continue;
      flush();
      into.rect(first + 1, last, y0, y1, colour);
      column = last;
      filled = most = b - last;
      tone = colour;
    }
    flush();
  }

  /** process draws a process's lane, and returns how many threads its height stands for. */
  process(into: Pixels, f: Frame, lane: number, y0: number, y1: number): number {
    const name = (this.data.lanes ?? [])[lane].name;
    const level = this.laneLevels.length ? fit(this.laneLevels, f.nsPerPixel) : null;
    const exact = this.byProcess.get(name);
    const parts = new Float32Array(3 * f.width);
    let most = 1;
    for (let x = 0; x < f.width; x++) {
      const bucket = level ? Math.floor((f.from + x * f.nsPerPixel) / level.ns) : -1;
      let sum = 0;
      for (let i = 0; i < 3; i++) {
        let v = level && bucket >= 0 && bucket < level.count ? (level.values[lane][i][bucket] * level.steps[lane][i]) / level.ns : 0;
        if (this.exact[x] && exact && i < 2) v = (i === 0 ? exact.run : exact.wait)[x];
        parts[3 * x + i] = v;
        sum += v;
      }
      if (sum > most) most = sum;
    }
    most = Math.ceil(most - 0.02);
    const tones = [this.tone(name), this.waiting, this.waiting];
    for (let x = 0; x < f.width; x++) {
      let y = y1;
      for (let i = 0; i < 3; i++) {
        const v = parts[3 * x + i];
        if (v <= 0) continue;
        const up = Math.max(1, Math.round((v / most) * (y1 - y0)));
        into.column(x, Math.max(y0, y - up), y, tones[i], i === 2 ? 3 : 1);
        y -= up;
      }
    }
    return most;
  }
}

/** cover adds an interval to the columns that it lies in. */
function cover(columns: Float32Array, from: number, to: number, f: Frame): void {
  const a = Math.max(0, (from - f.from) / f.nsPerPixel), b = Math.min(columns.length, (to - f.from) / f.nsPerPixel);
  for (let x = Math.floor(a); x < b; x++) columns[x] += Math.min(b, x + 1) - Math.max(a, x);
}
