// SPDX-License-Identifier: Apache-2.0

import { asIs, chart, scale, tip } from './charts';
import { colour, css, isDark } from './colours';
import type { Column, Heat, Page, Series, Table, Value } from './data';
import { body } from './dom';
import { axis, type Clock, duration } from './units';

/** named is a table's column by name. */
export function named(t: Table | undefined, name: string): Value[] {
  return t?.data[t.columns.findIndex((c: Column) => c.name === name)] ?? [];
}

export function tableOf(page: Page, section: string, title: string): Table | undefined {
  return page.sections.find((s) => s.id === section)?.tables.find((t) => t.title === title);
}

const label = (n: { pid: number; comm: string }): string => (n.pid ? `${n.comm} (${n.pid})` : n.comm);

/** overTime draws CPU time over time, stacked by process. */
export function overTime(series: Series, page: Page, clock: Clock): void {
  const into = body('overtime');
  if (!into) return;
  const totals = series.on_cpu.map((row) => row.reduce((a, b) => a + b, 0));
  const top = series.names.map((n, i) => `${label(n)} ${duration(totals[i])}`).slice(0, 5).join(', ');
  const width = (i: number) => Math.min(series.interval, page.duration - i * series.interval) || series.interval;
  chart(into, `CPUs in use, in steps of ${duration(series.interval)}: time on a CPU by process, stacked; ${page.cpus} CPUs`, `CPU time over time. Most had: ${top}.`, () => ({
    grid: { left: 56, right: 24, top: 16, bottom: 92 },
    aria: { enabled: true, decal: { show: false } },
    legend: { type: 'scroll', bottom: 0, textStyle: { color: css('ink') }, pageTextStyle: { color: css('ink') }, pageIconColor: css('ink'), pageIconInactiveColor: css('faint') },
    tooltip: tip({ trigger: 'axis', axisPointer: { type: 'shadow' }, formatter: (of: unknown) => steps(of as Step[], series, clock) }),
    xAxis: scale({ type: 'category', data: series.on_cpu[0].map((_, i) => axis(Number((i * series.interval).toPrecision(3)))), splitLine: { show: false }, name: 'since the recording began', nameLocation: 'middle', nameGap: 28 }),
    yAxis: scale({ type: 'value', min: 0, max: (v: { max: number }) => Math.max(Math.ceil(v.max * 10) / 10, 0.1) }),
    series: series.names.map((n, i) => ({
      name: label(n), type: 'bar', stack: 'all', barCategoryGap: '0%', emphasis: { focus: 'series' },
      itemStyle: { color: n.pid || n.comm !== 'all others' ? colour(n.comm) : css('faint') },
      data: series.on_cpu[i].map((ns, j) => ns / width(j)),
    })),
  }), 380);
}

interface Step { seriesIndex: number; dataIndex: number }

function steps(of: Step[], series: Series, clock: Clock): string {
  if (of.length === 0) return '';
  const i = of[0].dataIndex;
  const rows = of.map((s) => ({ ns: series.on_cpu[s.seriesIndex][i], name: label(series.names[s.seriesIndex]) })).filter((r) => r.ns > 0);
  return [`from ${clock.at(i * series.interval)}`, ...rows.sort((a, b) => b.ns - a.ns).map((r) => `${asIs(r.name)}: ${duration(r.ns)}`)].join('\n');
}

/** histogram draws a table of counts by length. */
export function histogram(section: string, t: Table | undefined, what: string): void {
  const into = body(section);
  if (!into || !t || t.rows === 0) return;
  const from = named(t, 'from_ns').map(Number);
  const counts = named(t, what).map(Number);
  const to = named(t, 'to_ns').map(Number);
  const total = counts.reduce((a, b) => a + b, 0);
  const most = counts.indexOf(Math.max(...counts));
  const label = `${total.toLocaleString('en')} ${what} by length; most, ${counts[most].toLocaleString('en')}, from ${duration(from[most])} to ${duration(to[most])}. The table below has all.`;
  chart(into, `${t.title}: how many ${what} (a step up the axis is ten times as many)`, label, () => ({
    grid: { left: 70, right: 24, top: 16, bottom: 50 },
    tooltip: tip({ trigger: 'item', formatter: (p: { dataIndex: number }) => `${duration(from[p.dataIndex])} to ${duration(to[p.dataIndex])}: ${counts[p.dataIndex].toLocaleString('en')} ${what}` }),
    xAxis: scale({ type: 'category', data: from.map((ns) => (ns === 0 ? '0' : duration(ns))), name: 'at least', nameLocation: 'middle', nameGap: 28 }),
    yAxis: scale({ type: 'log', min: 0.5, axisLabel: { color: css('soft'), formatter: (v: number) => (v < 1 ? '' : v.toLocaleString('en')) } }),
    series: [{ type: 'bar', barCategoryGap: '12%', barMinHeight: 3, itemStyle: { color: css('accent') }, data: counts.map((n) => n || null) }],
  }), 260);
}

/** heatmap draws when waits of which length ended. */
export function heatmap(heat: Heat, page: Page, clock: Clock): void {
  const into = body('runqueue');
  if (!into || heat.cells.length === 0) return;
  // As in the table: no lines between 0 and the least wait that is more.
  const least = heat.cells.reduce((a, c) => (c[1] ? Math.min(a, c[1]) : a), 64), high = heat.cells.reduce((a, c) => Math.max(a, c[1]), 0);
  const lines = [...(heat.cells.some((c) => c[1] === 0) ? [0] : []), ...Array.from({ length: Math.max(0, high - least + 1) }, (_, i) => least + i)];
  const columns = Math.ceil(page.duration / heat.width);
  const most = heat.cells.reduce((a, c) => Math.max(a, c[2]), 1);
  const name = (row: number) => (row === 0 ? '0' : duration(2 ** (row - 1)));
  const total = heat.cells.reduce((a, c) => a + c[2], 0);
  const longest = heat.cells.filter((c) => c[1] === high).map((c) => clock.at(c[0] * heat.width));
  chart(into, 'Waits for a CPU over time: how many (colour) ended when (across) and how long they were (up)', `${total.toLocaleString('en')} waits. The longest, of ${name(high)} and more, ended about ${longest.slice(0, 3).join(', ')}.`, () => ({
    grid: { left: 70, right: 24, top: 16, bottom: 104 },
    tooltip: tip({ trigger: 'item', formatter: (p: { data: number[] }) => `${clock.at(p.data[0] * heat.width)}, ${lines[p.data[1]] ? name(lines[p.data[1]]) + ' and more' : '0'}: ${p.data[3].toLocaleString('en')} waits` }),
    xAxis: scale({ type: 'category', data: [...Array(columns).keys()].map((i) => axis(Number((i * heat.width).toPrecision(3)))), splitLine: { show: false }, name: 'since the recording began', nameLocation: 'middle', nameGap: 28 }),
    yAxis: scale({ type: 'category', data: lines.map(name), splitLine: { show: false } }),
    visualMap: {
      type: 'continuous', min: 0, max: Math.max(1, Math.log10(most)), dimension: 2, orient: 'horizontal', left: 'center', bottom: 0, itemHeight: 180, calculable: false, hoverLink: false,
      text: [`${most.toLocaleString('en')} waits`, '1'], textStyle: { color: css('ink') }, inRange: { color: isDark() ? ['#12314d', '#1f78b4', '#f0e442', '#ffffff'] : ['#d6e8f5', '#4fa3d1', '#8a4f9e', '#3b0f4a'] },
    },
    series: [{ type: 'heatmap', data: heat.cells.map(([x, y, n]) => [x, lines.indexOf(y), Math.log10(n), n]), progressive: 0 }],
  }), 400);
}

// In light and in dark, in the order of parts.
const tones = (): string[] => (isDark() ? ['#56b4e9', '#e08ce0', '#f2c14e', '#ff9352', '#3dd6a3'] : ['#0072b2', '#aa4499', '#8a7a00', '#c75000', '#008763']);

const parts = ['network_ns', 'peer_ns', 'waking_ns', 'run_queue_ns', 'application_ns'];

/** split draws where the time of TCP turns went. */
export function split(t: Table | undefined): void {
  const into = body('tcp');
  if (!into || !t || t.rows === 0) return;
  const some = parts.filter((p) => named(t, p).some((v) => v !== null));
  const totals = [...Array(t.rows).keys()].map((row) => some.reduce((sum, p) => sum + Number(named(t, p)[row] ?? 0), 0));
  const rows = [...totals.keys()].sort((a, b) => totals[b] - totals[a]).slice(0, 12).reverse();
  const name = (row: number) => `${named(t, 'comm')[row] ?? '?'} ${named(t, 'laddr')[row] ?? ''}:${named(t, 'lport')[row] ?? ''} – ${named(t, 'raddr')[row] ?? ''}:${named(t, 'rport')[row] ?? ''}`;
  const words = some.map((p) => `${p.replace('_ns', '').replace('_', ' ')} ${duration(named(t, p).reduce<number>((a, v) => a + Number(v ?? 0), 0))}`).join(', ');
  chart(into, `Where the time of TCP turns went: the ${rows.length} connections with most of it`, `Over all connections: ${words}. The table below has each.`, () => ({
    grid: { left: 16, right: 32, top: 40, bottom: 40, containLabel: true },
    legend: { top: 0, textStyle: { color: css('ink') } },
    tooltip: tip({ trigger: 'item', formatter: (p: { seriesName: string; dataIndex: number; value: number }) => `${asIs(name(rows[p.dataIndex]))}\n${p.seriesName}: ${duration(p.value)}` }),
    xAxis: scale({ type: 'value', axisLabel: { color: css('soft'), formatter: axis, hideOverlap: true } }),
    yAxis: scale({ type: 'category', data: rows.map(name), axisLabel: { color: css('soft'), width: Math.min(260, into.clientWidth * 0.4), overflow: 'truncate' } }),
    series: some.map((p) => ({
      name: p.replace('_ns', '').replace('_', ' '), type: 'bar', stack: 'all', itemStyle: { color: tones()[parts.indexOf(p)] }, data: rows.map((row) => Number(named(t, p)[row] ?? 0)),
    })),
  }), 110 + 26 * rows.length);
}
