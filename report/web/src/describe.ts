// SPDX-License-Identifier: Apache-2.0

import type { TimelineData } from './data';
import { type Lane, nameOf } from './layout';
import { type CPULevel, fit, type LaneLevel, top } from './levels';
import { type Chunk, sliceAt } from './slices';
import { type Clock, duration, offset } from './units';

const states: Record<string, string> = {
  R: 'preempted, or it yielded', S: 'asleep', D: 'asleep, uninterruptible', T: 'stopped', t: 'traced', X: 'ended', Z: 'ended', P: 'parked', I: 'asleep (idle)', F: 'frozen',
};

const doings = ['on a CPU', 'runnable', 'uninterruptible'];

const percent = (v: number): string => `${(100 * v).toFixed(v < 0.1 ? 1 : 0)}%`;

/** Describer says in words what is at a place of the timeline. */
export class Describer {
  constructor(private data: TimelineData, private cpuLevels: CPULevel[], private laneLevels: LaneLevel[], private clock: Clock) {}

  lines(lane: Lane, ns: number, nsPerPixel: number, chunk: Chunk | undefined): string[] {
    const head = `${lane.label}, ${offset(ns, nsPerPixel)}, ${this.clock.at(ns)}`;
    if (lane.kind === 'cpu') return [head, ...this.cpu(lane.index, ns, nsPerPixel, chunk)];
    if (lane.kind === 'process') return [head, ...this.process(lane.index, ns, nsPerPixel)];
    return [];
  }

  private cpu(lane: number, ns: number, nsPerPixel: number, chunk: Chunk | undefined): string[] {
    if (chunk) {
      const i = sliceAt(chunk, (this.data.cpus ?? [])[lane], ns);
      return i < 0 ? ['idle'] : this.slice(chunk, i);
    }
    const level = fit(this.cpuLevels, nsPerPixel);
    const bucket = Math.min(Math.floor(ns / level.ns), level.count - 1);
    const lines = [`busy ${percent(level.busy[lane][bucket] / 255)} of ${duration(level.ns)}`];
    for (let i = 0; i < top; i++) {
      const at = i * level.count + bucket;
      if (level.shares[lane][at] > 0) lines.push(`${nameOf(this.data.names[level.ids[lane][at]])} about ${percent(level.shares[lane][at] / 255)}`);
    }
    return lines;
  }

  private slice(chunk: Chunk, i: number): string[] {
    const [tid, name, comm] = (this.data.threads ?? [])[chunk.thread[i]];
    const open = chunk.state[i] === 0;
    const lines = [`thread ${comm} (${tid}) of ${nameOf(this.data.names[name])}`];
    lines.push(`on the CPU from ${offset(chunk.from[i], 1)}${open ? '' : ` for ${duration(chunk.to[i] - chunk.from[i])}`}`);
    if (!open) {
      lines.push(`after a wait of ${duration(chunk.wait[i])}`);
      const state = String.fromCharCode(chunk.state[i]);
      lines.push(`then ${states[state] ?? 'in state ' + state}`);
    }
    return lines;
  }

  private process(lane: number, ns: number, nsPerPixel: number): string[] {
    const { born, died } = (this.data.lanes ?? [])[lane];
    const lines: string[] = [];
    if (ns < born) return [`not there yet: it began ${duration(born)} after the recording`];
    if (died && ns > died) lines.push(`it had ended ${duration(died)} after the recording began`);
    if (this.laneLevels.length > 0) {
      const level = fit(this.laneLevels, nsPerPixel);
      const bucket = Math.min(Math.floor(ns / level.ns), level.count - 1);
      const spent = level.values[lane].map((values, i) => values[bucket] * level.steps[lane][i]);
      spent.forEach((v, i) => { if (v > 0) lines.push(`${doings[i]}: ${duration(v)} of ${duration(level.ns)}`); });
      if (spent.every((v) => v === 0)) lines.push(`all threads asleep for ${duration(level.ns)}`);
    }
    const near = 4 * nsPerPixel;
    for (const [at, when, kind, text] of this.data.marks ?? []) {
      if (at === lane && Math.abs(when - ns) <= near) lines.push(`${kind} ${text} at ${this.clock.at(when)}`);
      if (lines.length > 10) break;
    }
    for (const [at, from, to, kind] of this.data.turns ?? []) {
      if (at === lane && from - near <= ns && ns <= to + near) lines.push(`${kind.replace('_', ' ')}: ${duration(to - from)}`);
      if (lines.length > 12) break;
    }
    return lines;
  }
}
