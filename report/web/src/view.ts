// SPDX-License-Identifier: Apache-2.0

/** View is the part of the recording that the timeline shows, ns since it began. */
export class View {
  from = 0;
  to: number;

  constructor(readonly whole: number) { this.to = whole; }

  get length(): number { return this.to - this.from; }

  /** set shows a span, kept within the recording and 1 us long at least. */
  set(from: number, to: number): void {
    const length = Math.min(Math.max(to - from, Math.min(1000, this.whole)), this.whole);
    from = Math.min(Math.max(from, 0), this.whole - length);
    this.from = from;
    this.to = from + length;
  }

  /** zoom makes what is at an instant so many times as large. */
  zoom(factor: number, at: number): void { this.set(at - (at - this.from) / factor, at + (this.to - at) / factor); }

  pan(part: number): void { this.set(this.from + part * this.length, this.to + part * this.length); }

  middle(): number { return (this.from + this.to) / 2; }
}

/** ticks are round instants, some hundred pixels apart. */
export function ticks(view: View, width: number): number[] {
  const least = (view.length / Math.max(width, 1)) * 110;
  const power = 10 ** Math.floor(Math.log10(least));
  const step = [1, 2, 5, 10].map((f) => f * power).find((s) => s >= least) ?? power * 10;
  const all: number[] = [];
  for (let t = Math.ceil(view.from / step) * step; t <= view.to; t += step) all.push(t);
  return all;
}
