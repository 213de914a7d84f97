// SPDX-License-Identifier: Apache-2.0

import * as echarts from 'echarts/core';
import { BarChart, HeatmapChart } from 'echarts/charts';
import { AriaComponent, GridComponent, LegendScrollComponent, TooltipComponent, VisualMapContinuousComponent } from 'echarts/components';
import { CanvasRenderer } from 'echarts/renderers';
import type { EChartsCoreOption } from 'echarts/core';
import { css } from './colours';
import { el } from './dom';

echarts.use([BarChart, HeatmapChart, AriaComponent, GridComponent, LegendScrollComponent, TooltipComponent, VisualMapContinuousComponent, CanvasRenderer]);

type Option = () => EChartsCoreOption;

const drawn: (() => void)[] = [];

/** redraw draws all charts anew, in the colours that hold now. */
export function redraw(): void { for (const draw of drawn) draw(); }

/** chart is a figure with a caption. What it shows is in its label, for who does not see it. */
export function chart(into: HTMLElement, caption: string, label: string, option: Option, height = 300): void {
  const box = el('div', { class: 'chart', role: 'img', 'aria-label': label });
  box.style.height = `${height}px`;
  into.append(el('figure', {}, el('figcaption', {}, caption), box));
  let instance: echarts.ECharts | null = null;
  const draw = () => {
    instance ??= echarts.init(box, null, { renderer: 'canvas' });
    instance.setOption({ ...common(), ...option() }, { notMerge: true });
  };
  drawn.push(() => { if (instance) draw(); });
  // Drawn when it comes into sight, or is printed.
  const seen = new IntersectionObserver((entries) => {
    if (!entries.some((e) => e.isIntersecting)) return;
    seen.disconnect();
    draw();
  }, { rootMargin: '200px' });
  seen.observe(box);
  window.addEventListener('beforeprint', draw);
  new ResizeObserver(() => instance?.resize()).observe(box);
}

function common(): EChartsCoreOption {
  return { animation: false, backgroundColor: 'transparent', textStyle: { color: css('ink'), fontFamily: css('font') || 'sans-serif' }, grid: { left: 70, right: 24, top: 40, bottom: 50 } };
}

/** tip is a tooltip that is drawn, not markup. */
export function tip(more: object = {}): object {
  return { renderMode: 'richText', confine: true, backgroundColor: css('panel'), borderColor: css('line'), textStyle: { color: css('ink'), fontSize: 12 }, ...more };
}

/** scale is an axis in the page's colours. */
export function scale(more: object): object {
  return {
    axisLine: { show: true, lineStyle: { color: css('faint') } }, axisTick: { show: false }, axisLabel: { color: css('soft'), hideOverlap: true },
    splitLine: { lineStyle: { color: css('line') } }, nameTextStyle: { color: css('soft') }, ...more,
  };
}

/** asIs keeps a name in a tooltip from being taken for the library's own markup, {style|text}. */
export function asIs(name: string): string { return name.replaceAll('{', '{\u2060'); }
