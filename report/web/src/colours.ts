// SPDX-License-Identifier: Apache-2.0

// Colours that people who see few of them still tell apart (after Okabe and Ito,
// and Tol), at least 3:1 against the page, for light and dark.
const light = ['#0072b2', '#c75000', '#008763', '#aa4499', '#8a7a00', '#332288', '#b3386a', '#2a8c80', '#882255', '#a5691e', '#117733', '#5b6fb5'];
const dark = ['#56b4e9', '#ff9352', '#3dd6a3', '#e08ce0', '#d6d66b', '#a79aff', '#f58fb4', '#7fe0d0', '#d97aa5', '#f2c14e', '#6fcf7f', '#a9c0f7'];

export const isDark = (): boolean => document.documentElement.dataset.theme === 'dark';

const places = new Map<string, number>();

/** rank gives the names that matter most colours of their own, first come first. */
export function rank(names: Iterable<string>): void {
  for (const name of names) {
    if (places.size >= light.length) return;
    if (!places.has(name)) places.set(name, places.size);
  }
}

function hash(name: string): number {
  let h = 2166136261;
  for (let i = 0; i < name.length; i++) h = Math.imul(h ^ name.charCodeAt(i), 16777619);
  return h >>> 0;
}

/** colour is that of a process's name, the same everywhere in the page. */
export function colour(name: string): string {
  const palette = isDark() ? dark : light;
  return palette[(places.get(name) ?? hash(name)) % palette.length];
}

/** css is a colour of the style sheet. */
export function css(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/** pixel is a colour #rrggbb as a canvas keeps it in memory. */
export function pixel(hex: string): number {
  const n = parseInt(hex.slice(1), 16);
  return (0xff000000 | ((n & 0xff) << 16) | (n & 0xff00) | (n >> 16)) >>> 0;
}

/** onTop is black or white, whichever can be read on a colour. */
export function onTop(hex: string): string {
  const n = parseInt(hex.slice(1), 16);
  const part = (v: number) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const l = 0.2126 * part(n >> 16) + 0.7152 * part((n >> 8) & 255) + 0.0722 * part(n & 255);
  return l > 0.179 ? '#000000' : '#ffffff';
}
