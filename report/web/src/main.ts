// SPDX-License-Identifier: Apache-2.0

import { redraw } from './charts';
import { colour, isDark, rank } from './colours';
import { type Page, type Section, type TimelineData, text, unpackJSON } from './data';
import { body, el } from './dom';
import { cpuLevels, laneLevels } from './levels';
import { heatmap, histogram, overTime, split, tableOf } from './sections';
import { TableView } from './table';
import { Timeline } from './timeline';
import { Clock } from './units';

/** themed sets the colours: as the system has them, until somebody chooses. */
function themed(after: () => void): void {
  const system = matchMedia('(prefers-color-scheme: dark)');
  const set = (dark: boolean) => {
    document.documentElement.dataset.theme = dark ? 'dark' : 'light';
    document.getElementById('theme')?.setAttribute('aria-pressed', String(dark));
    for (const dot of document.querySelectorAll<HTMLElement>('[data-colour]')) dot.style.background = colour(dot.dataset.colour ?? '');
  };
  set(system.matches);
  let chosen = false;
  system.addEventListener('change', () => { if (!chosen) { set(system.matches); after(); } });
  // Paper is light.
  let shown = false;
  window.addEventListener('beforeprint', () => { shown = isDark(); set(false); after(); });
  window.addEventListener('afterprint', () => { set(shown); after(); });
  document.getElementById('theme')?.addEventListener('click', () => {
    chosen = true;
    set(!isDark());
    after();
  });
}

const ranked = (timeline: TimelineData | null, page: Page): string[] =>
  [...(page.series?.names ?? []), ...(timeline?.names.slice(1) ?? [])].filter((n) => n.comm !== 'all others').map((n) => n.comm);

function tables(section: Section, clock: Clock, timeline: Timeline | null): void {
  const into = body(section.id);
  if (!into) return;
  for (const table of section.tables) {
    const find = timeline ? (since: number, wait: number) => timeline.show(since, wait) : undefined;
    into.append(new TableView(table, { clock, command: section.command, tree: section.id === 'tree', find }).element());
  }
}

async function start(): Promise<void> {
  let timeline: Timeline | null = null;
  themed(() => { redraw(); timeline?.recolour(); });
  const page = await unpackJSON<Page>('page');
  const data = text('timeline') ? await unpackJSON<TimelineData>('timeline') : null;
  const clock = new Clock(BigInt(page.begin), page.zone);
  rank(ranked(data, page));
  const into = body('timeline');
  if (data && into) {
    const [cpus, lanes] = await Promise.all([cpuLevels(data), laneLevels(data)]);
    timeline = new Timeline(data, cpus, lanes, page, clock);
    timeline.mount(into);
  }
  performance.mark('ebrec:timeline');
  if (page.series) overTime(page.series, page, clock);
  histogram('runqueue', tableOf(page, 'runqueue', 'Waits by length'), 'waits');
  if (page.heat) heatmap(page.heat, page, clock);
  split(tableOf(page, 'tcp', 'Where the time went'));
  histogram('tcp', tableOf(page, 'tcp', 'Responses by length'), 'responses');
  for (const section of page.sections) tables(section, clock, timeline);
  performance.mark('ebrec:ready');
}

start().catch((error: unknown) => {
  document.getElementById('main')?.prepend(el('p', { class: 'notice', role: 'alert' }, `This page cannot be shown: ${error instanceof Error ? error.message : String(error)}. It takes a browser of 2023 or later.`));
  throw error;
});
