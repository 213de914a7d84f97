// SPDX-License-Identifier: Apache-2.0

import { css, pixel } from './colours';
import type { Page, TimelineData } from './data';
import { Describer } from './describe';
import { button, el, say } from './dom';
import { type Lane, layout, nameOf, rulerHeight } from './layout';
import { legend, notes } from './legend';
import type { CPULevel, LaneLevel } from './levels';
import { Overlay } from './overlay';
import { Painter } from './paint';
import { Pixels } from './pixels';
import { Slices } from './slices';
import { type Clock, duration, offset } from './units';
import { View } from './view';

const mostHeight = 620;

/** Timeline is the lanes of a recording, to look at closely. */
export class Timeline {
  readonly view: View;
  private readonly lanes: Lane[];
  private readonly full: number;
  private readonly canvas = el('canvas', { 'aria-hidden': 'true' });
  private readonly context = this.canvas.getContext('2d', { alpha: false })!;
  private readonly scroll = el('div', { class: 'lanes', tabindex: '0', role: 'application', 'aria-label': 'Timeline. Arrow left and right move it, plus and minus zoom, Home shows all, arrow up and down choose a lane, which is then described.', 'aria-describedby': 'timeline-span' });
  private readonly span = el('p', { id: 'timeline-span', class: 'span', role: 'status' });
  private readonly details = el('pre', { class: 'details', 'aria-live': 'polite' });
  private readonly tip = el('div', { class: 'tip', hidden: '' });
  private readonly painter: Painter;
  private readonly slices: Slices;
  private readonly overlay: Overlay;
  private readonly describer: Describer;
  private pixels = new Pixels(1, 1);
  private threads = new Map<Lane, number>();
  private chosen = -1;
  private waiting = false;
  private drag: { x: number; from: number; select: boolean; moved: boolean } | null = null;

  constructor(private data: TimelineData, cpus: CPULevel[], laneLevels: LaneLevel[], page: Page, private clock: Clock) {
    this.view = new View(page.duration);
    const { lanes, height } = layout(data);
    this.lanes = lanes;
    this.full = height;
    this.slices = new Slices(data, () => this.schedule());
    this.painter = new Painter(data, cpus, laneLevels, this.slices);
    this.overlay = new Overlay(data, this.context, this.view, this.slices);
    this.describer = new Describer(data, cpus, laneLevels, clock);
  }

  mount(into: HTMLElement): void {
    const spacer = el('div', { class: 'spacer' });
    spacer.style.height = `${this.full + rulerHeight}px`;
    this.scroll.style.height = `${Math.min(this.full + rulerHeight, mostHeight) + 2}px`;
    this.scroll.append(this.canvas, spacer);
    into.append(this.controls(), this.span, this.scroll, legend(this.data), el('p', { class: 'note' }, 'Click into a lane to have that place described here.'), this.details, ...notes(this.data).map((note) => el('p', { class: 'note' }, note)), this.tip);
    this.listen();
    new ResizeObserver(() => this.draw()).observe(this.scroll);
    this.draw();
  }

  private controls(): HTMLElement {
    const search = el('input', { type: 'search', placeholder: 'Find a process', 'aria-label': 'Find a process in the timeline', autocomplete: 'off', spellcheck: 'false' });
    search.addEventListener('input', () => this.find(search.value));
    const zoom = (factor: number) => this.change(() => this.view.zoom(factor, this.view.middle()));
    const jump = this.full > mostHeight && this.lanes.some((l) => l.kind === 'process') && this.lanes[0].index === 0
      ? [['CPUs', 0], ['Processes', 1]].map(([name, index]) => button(String(name), () => this.jump(Number(index)))) : [];
    return el('div', { class: 'tools', role: 'group', 'aria-label': 'Timeline' },
      button('Zoom in', () => zoom(2)), button('Zoom out', () => zoom(0.5)), button('Whole recording', () => this.change(() => this.view.set(0, this.view.whole))),
      button('◂', () => this.change(() => this.view.pan(-0.25)), { 'aria-label': 'Earlier' }), button('▸', () => this.change(() => this.view.pan(0.25)), { 'aria-label': 'Later' }), ...jump, search);
  }

  /** jump shows the lanes of CPUs, or those of processes. */
  private jump(title: number): void { this.scroll.scrollTop = this.lanes.find((l) => l.kind === 'title' && l.index === title)?.y ?? 0; }

  /** show zooms to a wait that ended at an instant, so that somebody sees it. */
  show(since: number, wait: number): void {
    const margin = Math.max(wait, 20_000);
    this.change(() => this.view.set(since - wait - margin, since + margin));
    document.getElementById('timeline')?.scrollIntoView();
    this.scroll.focus({ preventScroll: true });
  }

  /** change does something to the view, draws, and measures how long that took. */
  private change(what: () => void): void {
    const start = performance.now();
    what();
    this.draw();
    performance.measure('ebrec:zoom', { start, end: performance.now() });
  }

  private schedule(): void {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => { this.waiting = false; this.draw(); });
  }

  /** recolour draws in the colours that hold now. */
  recolour(): void {
    this.painter.colours();
    this.draw();
  }

  private gutter(): number { return this.scroll.clientWidth < 600 ? 96 : 176; }

  private draw(): void {
    const ratio = window.devicePixelRatio || 1;
    const wide = this.scroll.clientWidth, high = this.scroll.clientHeight;
    if (wide < 60) return;
    if (this.canvas.width !== Math.round(wide * ratio) || this.canvas.height !== Math.round(high * ratio)) {
      this.canvas.width = Math.round(wide * ratio);
      this.canvas.height = Math.round(high * ratio);
      this.canvas.style.width = `${wide}px`;
      this.canvas.style.height = `${high}px`;
    }
    const gutter = this.gutter(), width = wide - gutter, columns = Math.round(width * ratio), rows = Math.round((high - rulerHeight) * ratio);
    if (this.pixels.width !== columns || this.pixels.height !== rows) this.pixels = new Pixels(columns, rows);
    const lanes = this.visible(high);
    const frame = { from: this.view.from, nsPerPixel: this.view.length / columns, width: columns };
    this.painter.begin(frame, lanes.filter((l) => l.kind === 'process').map((l) => l.index));
    this.pixels.clear(pixel(css('page')));
    for (const lane of lanes) {
      const y0 = Math.round((lane.y - this.scroll.scrollTop) * ratio), y = (v: number) => y0 + Math.round(v * ratio);
      if (lane.kind === 'cpu') this.painter.cpu(this.pixels, frame, lane.index, y(2), y(lane.height - 2));
      if (lane.kind === 'process') this.threads.set(lane, this.painter.process(this.pixels, frame, lane.index, y(3), y(lane.height - 8)));
    }
    this.context.setTransform(1, 0, 0, 1, 0, 0);
    this.context.fillStyle = css('page');
    this.context.fillRect(0, 0, this.canvas.width, this.canvas.height);
    this.pixels.put(this.context, Math.round(gutter * ratio), Math.round(rulerHeight * ratio));
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.over(lanes, gutter, width, high);
    this.say();
  }

  /** over draws text and marks. */
  private over(lanes: Lane[], gutter: number, width: number, high: number): void {
    const c = this.context;
    for (const lane of lanes) {
      const y = rulerHeight + lane.y - this.scroll.scrollTop;
      c.save();
      c.beginPath();
      c.rect(gutter, rulerHeight, width, high);
      c.clip();
      if (lane.kind === 'cpu') this.overlay.names(lane, y, gutter, width, this.painter);
      if (lane.kind === 'process') this.overlay.life(lane, y, gutter, width);
      c.restore();
      if (this.lanes[this.chosen] === lane) {
        c.fillStyle = css('accent');
        c.fillRect(0, y, 3, lane.height);
      }
      this.overlay.label(lane, y, gutter, width, this.threads.get(lane) ?? 1);
    }
    this.overlay.ruler(gutter, width, high);
    if (this.drag?.select) {
      c.fillStyle = css('select');
      c.fillRect(Math.min(this.drag.x, this.drag.from), rulerHeight, Math.abs(this.drag.x - this.drag.from), high);
    }
  }

  private visible(high: number): Lane[] {
    const top = this.scroll.scrollTop;
    return this.lanes.filter((l) => l.y + l.height > top && l.y < top + high);
  }

  private say(): void {
    const { from, to } = this.view;
    this.span.textContent = `${offset(from, (to - from) / 1000)} to ${offset(to, (to - from) / 1000)}, ${this.clock.at(from)} to ${this.clock.at(to)}: ${duration(to - from)} of ${duration(this.view.whole)}`;
  }

  private find(text: string): void {
    const wanted = text.trim().toLowerCase();
    this.painter.highlight(wanted ? Uint8Array.from(this.data.names, (n) => Number(nameOf(n).toLowerCase().includes(wanted))) : null);
    const at = wanted ? this.lanes.findIndex((l) => l.kind === 'process' && l.label.toLowerCase().includes(wanted)) : -1;
    this.choose(at, false);
    const found = this.data.names.filter((n) => wanted && nameOf(n).toLowerCase().includes(wanted)).length;
    if (wanted) say(found ? `${found} processes` : 'no such process in the timeline');
    this.draw();
  }

  private choose(i: number, describe: boolean): void {
    this.chosen = i;
    const lane = this.lanes[i];
    if (!lane) return;
    const inner = this.scroll.clientHeight - rulerHeight;
    if (lane.y < this.scroll.scrollTop) this.scroll.scrollTop = lane.y;
    else if (lane.y + lane.height > this.scroll.scrollTop + inner) this.scroll.scrollTop = lane.y + lane.height - inner;
    if (describe) this.describe(lane, this.view.middle());
  }

  private describe(lane: Lane, ns: number): void {
    this.details.textContent = this.describer.lines(lane, ns, this.view.length / this.pixels.width, this.painter.chunkAt(ns)).join('\n');
  }

  private place(e: MouseEvent): { x: number; ns: number; lane: Lane | undefined } {
    const box = this.scroll.getBoundingClientRect();
    const x = e.clientX - box.left - 1, y = e.clientY - box.top - 1 - rulerHeight + this.scroll.scrollTop;
    const gutter = this.gutter();
    const ns = this.view.from + ((x - gutter) / (this.scroll.clientWidth - gutter)) * this.view.length;
    return { x, ns, lane: e.clientY - box.top < rulerHeight ? undefined : this.lanes.find((l) => y >= l.y && y < l.y + l.height) };
  }

  private listen(): void {
    const s = this.scroll;
    s.addEventListener('scroll', () => this.schedule());
    s.addEventListener('keydown', (e) => this.key(e));
    s.addEventListener('wheel', (e) => this.wheel(e), { passive: false });
    s.addEventListener('pointerdown', (e) => this.press(e));
    s.addEventListener('pointermove', (e) => this.move(e));
    s.addEventListener('pointerup', (e) => this.release(e));
    s.addEventListener('pointercancel', () => { this.drag = null; });
    s.addEventListener('pointerleave', () => { this.tip.hidden = true; });
    s.addEventListener('dblclick', (e) => { const { ns } = this.place(e); this.change(() => this.view.zoom(4, ns)); });
  }

  private key(e: KeyboardEvent): void {
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    const step = e.shiftKey ? 0.5 : 0.1;
    const next = (by: number) => {
      let i = this.chosen + by;
      while (this.lanes[i]?.kind === 'title') i += by;
      if (this.lanes[i]) this.choose(i, true);
      this.draw();
    };
    const keys: Record<string, () => void> = {
      ArrowLeft: () => this.change(() => this.view.pan(-step)), ArrowRight: () => this.change(() => this.view.pan(step)),
      '+': () => this.change(() => this.view.zoom(2, this.view.middle())), '=': () => this.change(() => this.view.zoom(2, this.view.middle())),
      '-': () => this.change(() => this.view.zoom(0.5, this.view.middle())), '0': () => this.change(() => this.view.set(0, this.view.whole)),
      Home: () => this.change(() => this.view.set(0, this.view.whole)), ArrowUp: () => next(-1), ArrowDown: () => next(1),
    };
    const act = keys[e.key];
    if (!act) return;
    e.preventDefault();
    act();
  }

  private wheel(e: WheelEvent): void {
    if (e.ctrlKey || e.metaKey) {
      e.preventDefault();
      const { ns } = this.place(e);
      this.change(() => this.view.zoom(Math.exp(-e.deltaY / 300), ns));
    } else if (e.shiftKey || Math.abs(e.deltaX) > Math.abs(e.deltaY)) {
      e.preventDefault();
      this.change(() => this.view.pan((e.deltaX || e.deltaY) / 1000));
    }
  }

  private press(e: PointerEvent): void {
    if (e.button !== 0 || e.clientX - this.scroll.getBoundingClientRect().left > this.scroll.clientWidth) return;
    const { x } = this.place(e);
    this.drag = { x, from: x, select: e.shiftKey, moved: false };
    if (e.pointerType === 'mouse') this.scroll.setPointerCapture(e.pointerId);
  }

  private move(e: PointerEvent): void {
    const { x, ns, lane } = this.place(e);
    if (!this.drag) {
      this.hover(e, lane, ns, x);
      return;
    }
    this.tip.hidden = true;
    this.drag.moved ||= Math.abs(x - this.drag.from) > 3;
    if (!this.drag.moved) return;
    if (!this.drag.select) {
      const part = (this.drag.x - x) / (this.scroll.clientWidth - this.gutter());
      this.change(() => this.view.pan(part));
    } else {
      this.schedule();
    }
    this.drag.x = x;
  }

  private release(e: PointerEvent): void {
    const { drag } = this;
    this.drag = null;
    const { ns, lane } = this.place(e);
    if (drag?.select && drag.moved) {
      const gutter = this.gutter(), at = (x: number) => this.view.from + ((x - gutter) / (this.scroll.clientWidth - gutter)) * this.view.length;
      const [a, b] = [at(Math.min(drag.x, drag.from)), at(Math.max(drag.x, drag.from))];
      this.change(() => this.view.set(a, b));
    } else if (drag && !drag.moved && lane) {
      this.choose(this.lanes.indexOf(lane), false);
      this.describe(lane, ns);
      this.draw();
    }
  }

  private hover(e: PointerEvent, lane: Lane | undefined, ns: number, x: number): void {
    const lines = lane && x > this.gutter() ? this.describer.lines(lane, ns, this.view.length / this.pixels.width, this.painter.chunkAt(ns)) : [];
    this.tip.hidden = lines.length === 0;
    if (lines.length === 0) return;
    this.tip.textContent = lines.join('\n');
    const right = e.clientX + 16 + this.tip.offsetWidth > document.documentElement.clientWidth;
    this.tip.style.left = `${Math.max(4, right ? e.clientX - 12 - this.tip.offsetWidth : e.clientX + 12)}px`;
    this.tip.style.top = `${Math.min(e.clientY + 14, window.innerHeight - this.tip.offsetHeight - 4)}px`;
  }
}
