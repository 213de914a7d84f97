// SPDX-License-Identifier: Apache-2.0

import { colour, css, onTop } from './colours';
import type { TimelineData } from './data';
import { type Lane, rulerHeight } from './layout';
import type { Painter } from './paint';
import type { Slices } from './slices';
import { axis } from './units';
import { ticks, type View } from './view';

/** Overlay draws what is text or a line, in pixels of the page, over the lanes. */
export class Overlay {
  private byLane = new Map<number, number[]>(); // marks
  private turnsByLane = new Map<number, number[]>();

  constructor(private data: TimelineData, private context: CanvasRenderingContext2D, private view: View, private slices: Slices) {
    (data.marks ?? []).forEach((m, i) => push(this.byLane, m[0], i));
    (data.turns ?? []).forEach((t, i) => push(this.turnsByLane, t[0], i));
  }

  private x(ns: number, gutter: number, width: number): number { return gutter + ((ns - this.view.from) / this.view.length) * width; }

  ruler(gutter: number, width: number, height: number): void {
    const c = this.context;
    c.fillStyle = css('panel');
    c.fillRect(0, 0, gutter + width, rulerHeight);
    c.strokeStyle = css('line');
    c.fillStyle = css('soft');
    c.font = `12px ${css('font')}`;
    c.textBaseline = 'middle';
    c.beginPath();
    for (const t of ticks(this.view, width)) {
      const x = Math.round(this.x(t, gutter, width)) + 0.5;
      c.moveTo(x, 16);
      c.lineTo(x, height);
      if (x + 60 < gutter + width) c.fillText(t === 0 ? '0' : '+' + axis(Number(t.toPrecision(12))), x + 4, 10);
    }
    c.globalAlpha = 0.6;
    c.stroke();
    c.globalAlpha = 1;
    this.available(gutter, width);
  }

  /** available marks the parts of which the page has single slices. */
  private available(gutter: number, width: number): void {
    const { chunk_ns, chunks } = this.data;
    if (!chunk_ns || !chunks) return;
    const [first, last] = this.slices.range(this.view.from, this.view.to);
    this.context.fillStyle = css('accent');
    for (const chunk of chunks) {
      if (chunk < first || chunk > last) continue;
      const x0 = Math.max(gutter, this.x(chunk * chunk_ns, gutter, width));
      const x1 = Math.min(gutter + width, this.x((chunk + 1) * chunk_ns, gutter, width));
      this.context.fillRect(x0, rulerHeight - 4, Math.max(1, x1 - x0), 3);
    }
  }

  label(lane: Lane, y: number, gutter: number, width: number, threads: number): void {
    const c = this.context;
    c.textBaseline = 'middle';
    if (lane.kind === 'title') {
      c.fillStyle = css('soft');
      c.font = `600 12px ${css('font')}`;
      c.fillText(lane.label, 4, y + lane.height / 2);
      return;
    }
    c.font = `12px ${css('font')}`;
    c.fillStyle = css('ink');
    const text = threads > 1 ? `×${threads} ` : '';
    c.fillText(shorten(c, lane.label, gutter - 16 - c.measureText(text).width), 4, y + lane.height / 2 - (lane.kind === 'process' ? 3 : 0));
    if (text) {
      c.fillStyle = css('soft');
      c.fillText(text, gutter - 4 - c.measureText(text).width, y + lane.height / 2 - 3);
    }
    c.strokeStyle = css('line');
    c.beginPath();
    c.moveTo(0, y + lane.height - 0.5);
    c.lineTo(gutter + width, y + lane.height - 0.5);
    c.stroke();
  }

  /** life draws how long a process was there, and what happened to it. */
  life(lane: Lane, y: number, gutter: number, width: number): void {
    const c = this.context;
    const { born, died } = (this.data.lanes ?? [])[lane.index];
    const x0 = Math.max(gutter, this.x(born, gutter, width)), x1 = Math.min(gutter + width, this.x(died || this.view.whole, gutter, width));
    const base = y + lane.height - 8;
    if (x1 > x0) {
      c.fillStyle = css('asleep');
      c.fillRect(x0, base, x1 - x0, 2);
    }
    this.turns(lane, base + 3, gutter, width);
    c.font = `11px ${css('font')}`;
    let last = -Infinity;
    for (const i of this.byLane.get(lane.index) ?? []) {
      const [, at, kind] = this.data.marks![i];
      const x = this.x(at, gutter, width);
      if (x < gutter - 1 || x > gutter + width + 1 || x - last < 1) continue;
      last = x;
      c.fillStyle = css('ink');
      c.fillRect(x - 0.5, y + 2, 1, lane.height - 8);
      c.beginPath();
      if (kind === 'exit') { c.rect(x - 3, y + 2, 6, 6); } else if (kind === 'exec') { c.moveTo(x - 4, y + 9); c.lineTo(x + 4, y + 9); c.lineTo(x, y + 2); } else { c.arc(x, y + 5, 3.2, 0, 7); }
      c.fill();
    }
  }

  private turns(lane: Lane, y: number, gutter: number, width: number): void {
    const c = this.context;
    const tone: Record<string, string> = { tcp_response: css('response'), tcp_read: css('read'), tcp_reply: css('think') };
    for (const i of this.turnsByLane.get(lane.index) ?? []) {
      const [, from, to, kind] = this.data.turns![i];
      if (to < this.view.from || from > this.view.to) continue;
      const x0 = Math.max(gutter, this.x(from, gutter, width)), x1 = Math.min(gutter + width, this.x(to, gutter, width));
      c.fillStyle = tone[kind];
      c.fillRect(x0, y, Math.max(1, x1 - x0), 3);
    }
  }

  /** names writes the names of slices that are wide enough. */
  names(lane: Lane, y: number, gutter: number, width: number, painter: Painter): void {
    const c = this.context;
    const cpu = (this.data.cpus ?? [])[lane.index];
    const [first, last] = this.slices.range(this.view.from, this.view.to);
    const least = (36 / width) * this.view.length;
    c.font = `11px ${css('font')}`;
    for (let n = first; n <= last && n < first + 40; n++) {
      const chunk = painter.chunkAt((n + 0.5) * this.data.chunk_ns);
      const range = chunk?.cpus.get(cpu);
      if (!chunk || !range) continue;
      for (let i = range[0]; i < range[1]; i++) {
        const from = Math.max(chunk.from[i], chunk.begin, this.view.from), to = Math.min(chunk.to[i], this.view.to);
        if (to - from < least) continue;
        const [, name, comm] = this.data.threads![chunk.thread[i]];
        c.fillStyle = onTop(colour(this.data.names[name].comm));
        const x = this.x(from, gutter, width), room = ((to - from) / this.view.length) * width;
        c.fillText(shorten(c, comm, room - 6), x + 3, y + lane.height / 2);
      }
    }
  }
}

function push(map: Map<number, number[]>, key: number, value: number): void {
  const all = map.get(key);
  if (all) all.push(value); else map.set(key, [value]);
}

const widths = new Map<string, string>();

/** shorten cuts a text to a width. */
function shorten(c: CanvasRenderingContext2D, text: string, room: number): string {
  const key = `${c.font}|${Math.round(room)}|${text}`;
  let cut = widths.get(key);
  if (cut === undefined) {
    cut = text;
    while (cut.length > 1 && c.measureText(cut).width > room) cut = cut.slice(0, -2).trimEnd() + '…';
    if (widths.size > 20_000) widths.clear();
    widths.set(key, cut);
  }
  return cut;
}
