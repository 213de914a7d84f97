// SPDX-License-Identifier: Apache-2.0

import type { Amount, Column, Value } from './data';

// The same numbers look the same here and in ebrec analyze: see analyze/units.go
// and replay/units.go.

/** duration is nanoseconds as people read them. */
export function duration(ns: number): string {
  if (ns < 0) return '-' + duration(-ns);
  if (ns < 1e3) return `${Math.round(ns)} ns`;
  if (ns < 999_950) return `${(ns / 1e3).toFixed(1)} us`;
  if (ns < 999_950_000) return `${(ns / 1e6).toFixed(1)} ms`;
  if (ns < 100e9) return `${(ns / 1e9).toFixed(3)} s`;
  return `${(ns / 1e9).toFixed(1)} s`;
}

export function bytes(n: number): string {
  if (n < 1e3) return `${n} B`;
  if (n < 999_950) return `${(n / 1e3).toFixed(1)} KB`;
  if (n < 999_950_000) return `${(n / 1e6).toFixed(1)} MB`;
  return `${(n / 1e9).toFixed(1)} GB`;
}

/** axis is a duration for an axis, no longer than its digits need. */
export function axis(ns: number): string {
  const [size, unit] = ns >= 1e9 ? [1e9, 's'] : ns >= 1e6 ? [1e6, 'ms'] : ns >= 1e3 ? [1e3, 'us'] : [1, 'ns'];
  return `${Number((ns / size).toPrecision(9))} ${unit}`;
}

/** offset is how long after the recording began, as exactly as a step can be told. */
export function offset(ns: number, step: number): string {
  const digits = Math.min(9, Math.max(0, Math.ceil(9 - Math.log10(Math.max(step, 1)))));
  return `+${(ns / 1e9).toFixed(digits)} s`;
}

/** counted is a number with what it counts. */
export function counted(n: number, one: string, many: string): string { return `${n.toLocaleString('en')} ${n === 1 ? one : many}`; }

/** Clock knows when the recording began, and where. */
export class Clock {
  constructor(private begin: bigint, private zone: number) {}

  /** at is the time of day, so long after the recording began. */
  at(ns: number): string { return this.instant(this.begin + BigInt(Math.round(ns))); }

  since(instant: bigint): number { return Number(instant - this.begin); }

  /** instant is as ebrec analyze writes it: with the date on another day. */
  instant(ns: bigint): string {
    const day = (t: bigint) => this.local(t).slice(0, 10);
    const local = this.local(ns);
    return day(ns) === day(this.begin) ? local.slice(11, 23) : local.slice(0, 19).replace('T', ' ');
  }

  private local(ns: bigint): string {
    const ms = ns / 1_000_000n - (ns < 0n && ns % 1_000_000n !== 0n ? 1n : 0n);
    return new Date(Number(ms) + this.zone * 1000).toISOString();
  }
}

/** amount is a number whose unit its row has: see analyze/sides.go. */
function amount([v, unit]: Amount): string {
  switch (unit) {
    case 'percent': return `${v.toFixed(2)}%`;
    case 'change': return `${v < 0 ? '' : '+'}${v.toFixed(1)}%`;
    case 'chance': return v < 0.001 ? '<0.001' : v.toFixed(3);
    case 'ns': return duration(Math.round(v));
    case 'ns/s': return duration(Math.round(v)) + '/s';
    case '1/s': return `${v.toFixed(1)}/s`;
  }
  return v.toFixed(2);
}

/** bare is a value without its unit. */
export function bare(v: Value): number | string | null { return Array.isArray(v) ? v[0] : v; }

/** cell is a value as people read it. */
export function cell(c: Column, v: Value, clock: Clock): string {
  if (v === null) return '-';
  if (Array.isArray(v)) return amount(v);
  if (c.text) return v === '' ? '""' : String(v);
  switch (c.unit) {
    case 'ns since epoch': return clock.instant(BigInt(v));
    case 'ns': return signed(c) && Number(v) > 0 ? '+' + duration(Number(v)) : duration(Number(v));
    case 'bytes': return bytes(Number(v));
    case 'percent': case '1/s': return Number(v).toFixed(1);
    case '1 for yes, 0 for no': return Number(v) !== 0 ? 'yes' : 'no';
  }
  return typeof v === 'number' && !Number.isInteger(v) ? v.toFixed(1) : String(v);
}

/** signed tells whether a column's durations are differences. */
function signed(c: Column): boolean { return c.name.endsWith('off_ns'); }

/** digits are all of a number, without an exponent. */
function digits(n: number): string {
  const s = String(n);
  return s.includes('e') ? n.toLocaleString('en', { maximumSignificantDigits: 17, useGrouping: false }) : s;
}

/** csv is a value as a spreadsheet may read it: text that it would run gets an apostrophe. */
export function csv(c: Column, v: Value): string {
  const b = bare(v);
  let s = typeof b === 'number' ? digits(b) : b ?? '';
  if (c.text && /^[=+\-@\t\r]/.test(s)) s = "'" + s;
  return /[",\r\n]|^\s|^\\\.$/.test(s) ? `"${s.replaceAll('"', '""')}"` : s;
}
