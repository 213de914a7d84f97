// SPDX-License-Identifier: Apache-2.0

import type { Name, TimelineData } from './data';

export const rulerHeight = 30;
const cpuHeight = 22;
const processHeight = 34;
const titleHeight = 26;

/** Lane is a line of the timeline. */
export interface Lane { kind: 'cpu' | 'process' | 'title'; index: number; label: string; y: number; height: number }

export const nameOf = (n: Name): string => (n.pid ? `${n.comm} (${n.pid})` : n.comm);

/** lanes are those of the CPUs and of the processes, from the top. */
export function layout(data: TimelineData): { lanes: Lane[]; height: number } {
  const lanes: Lane[] = [];
  let y = 0;
  const add = (kind: Lane['kind'], index: number, label: string, height: number) => {
    lanes.push({ kind, index, label, y, height });
    y += height;
  };
  if (data.cpus?.length) {
    add('title', 0, 'CPUs: who ran', titleHeight);
    data.cpus.forEach((cpu, i) => add('cpu', i, `CPU ${cpu}`, cpuHeight));
  }
  if (data.lanes?.length) {
    add('title', 1, 'Processes', titleHeight);
    data.lanes.forEach((lane, i) => add('process', i, nameOf(data.names[lane.name]), processHeight));
  }
  return { lanes, height: y };
}
