// SPDX-License-Identifier: Apache-2.0

import type { TimelineData } from './data';
import { el } from './dom';
import { duration } from './units';

/** legend says what is drawn how. */
export function legend(d: TimelineData): HTMLElement {
  const item = (name: string, words: string) => el('li', {}, el('span', { class: `key ${name}`, 'aria-hidden': 'true' }), words);
  const items = [item('mark', 'began ●, executed ▲, ended ■'), item('asleep', 'there, asleep')];
  if (d.switches) items.unshift(item('run', 'on a CPU, in the colour of the process’s name'), item('wait', 'runnable: waited for a CPU'), item('blocked', 'uninterruptible sleep'), item('other', 'others, or not recorded'), item('accent', 'slices one by one'));
  else items.unshift(item('run', 'on a CPU (sums, about once a second)'));
  if (d.turns?.length) items.push(item('response', 'TCP: until the answer came'), item('read', 'TCP: until it was read'), item('think', 'TCP: until it sent again'));
  return el('ul', { class: 'legend', 'aria-label': 'Legend' }, ...items);
}

/** notes say what the timeline does not have. */
export function notes(d: TimelineData): string[] {
  const all: string[] = [], n = (v: number) => v.toLocaleString('en');
  const chunks = (d.chunks ?? []).length;
  if (!d.switches) all.push('Switches were not recorded (record -e sched), so there are no lanes of CPUs, and those of processes show sums.');
  if (d.switches && chunks < d.chunk_count) all.push(`Single slices are in this file for ${n(chunks)} of ${n(d.chunk_count)} parts of the recording, each ${duration(d.chunk_ns)} long: those with the longest waits for a CPU, marked under the ruler. Elsewhere deep zoom shows buckets; ebrec replay --from --to has every switch, and ebrec report --max-size makes room for more.`);
  if (d.dropped?.levels) all.push('There was no room for the finest buckets.');
  if (d.lanes_more > 0) all.push(`${n(d.lanes_more)} more processes that ran have no lane: those here used or waited for the CPU most. The tables have all.`);
  if (d.cpus_more > 0) all.push(`${n(d.cpus_more)} more CPUs have no lane.`);
  if (d.marks_more > 0) all.push(`${n(d.marks_more)} later beginnings, executions and ends are not marked.`);
  if (d.turns_more > 0) all.push(`${n(d.turns_more)} TCP turns are not drawn: the longest are.`);
  if (d.lanes?.length) all.push('×N: the height of the lane stands for N threads at once.');
  return all;
}
