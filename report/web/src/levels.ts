// SPDX-License-Identifier: Apache-2.0

import { type Level, type TimelineData, text, unpack } from './data';

export const top = 3; // processes that a CPU's bucket names, see report/cpulanes.go

/** CPULevel is the time of all CPUs in buckets of one width. */
export interface CPULevel extends Level {
  ids: Uint16Array[]; // by lane: who had it longest, then the second of all buckets, then the third
  shares: Uint8Array[]; // the same, in 255ths
  busy: Uint8Array[];
}

/** LaneLevel is the time of processes' threads: on a CPU, runnable, blocked. */
export interface LaneLevel extends Level {
  values: Uint16Array[][]; // by lane and doing, in steps of scales
  steps: number[][];
}

function words(bytes: Uint8Array, at: number, n: number): Uint16Array {
  return new Uint16Array(bytes.buffer.slice(bytes.byteOffset + at, bytes.byteOffset + at + 2 * n));
}

export async function cpuLevels(data: TimelineData): Promise<CPULevel[]> {
  if (!data.cpu_levels?.length) return [];
  const bytes = await unpack(text('cpus'));
  let at = 0;
  return data.cpu_levels.map((level) => {
    const all: CPULevel = { ...level, ids: [], shares: [], busy: [] };
    for (const _ of data.cpus ?? []) {
      all.ids.push(words(bytes, at, top * level.count));
      at += 2 * top * level.count;
      all.shares.push(bytes.subarray(at, (at += top * level.count)));
      all.busy.push(bytes.subarray(at, (at += level.count)));
    }
    return all;
  });
}

export async function laneLevels(data: TimelineData): Promise<LaneLevel[]> {
  if (!data.lane_levels?.length) return [];
  const bytes = await unpack(text('lanes'));
  let at = 0;
  return data.lane_levels.map((level) => {
    const values = (data.lanes ?? []).map(() => [0, 1, 2].map(() => {
      const part = words(bytes, at, level.count);
      at += 2 * level.count;
      return part;
    }));
    return { ...level, values, steps: level.scales ?? [] };
  });
}

/** fit is the coarsest level that has a bucket for each pixel, else the finest. */
export function fit<L extends Level>(levels: L[], nsPerPixel: number): L {
  let best = levels[0];
  for (const level of levels) if (level.ns <= nsPerPixel && level.ns > best.ns) best = level;
  return best;
}
