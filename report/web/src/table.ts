// SPDX-License-Identifier: Apache-2.0

import type { Column, Table } from './data';
import { colour } from './colours';
import { button, el, say } from './dom';
import { bare, cell, type Clock, counted, csv } from './units';

const firstRows = 20;
const moreRows = 200;

let tables = 0;

export interface TableOptions {
  clock: Clock;
  command: string; // that prints all of it
  tree?: boolean;
  find?: (since: number, wait: number) => void; // shows an instant in the timeline
}

/** TableView is a table to sort, search and copy. Of many rows it shows some. */
export class TableView {
  private order: number[];
  private shown = firstRows;
  private sorted = -1;
  private falling = false;
  private wanted = '';
  private hay: string[] | null = null;
  private folded = new Set<number>();
  private readonly columns: number[];
  private readonly body = el('tbody');
  private readonly count = el('p', { class: 'count', role: 'status' });
  private readonly more = el('p', { class: 'more' });
  private readonly heads: HTMLTableCellElement[] = [];

  constructor(private table: Table, private options: TableOptions) {
    this.columns = table.columns.map((_, i) => i).filter((i) => says(table, i) && !(options.tree && table.columns[i].name === 'depth'));
    this.order = [...Array(table.rows).keys()];
  }

  element(): HTMLElement {
    const { title } = this.table;
    const id = `table-${++tables}`;
    const wrap = el('div', { class: 'table' }, el('h3', { id }, title));
    const reach = el('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-labelledby': id });
    if (this.table.rows > 0) {
      const search = el('input', { type: 'search', placeholder: 'Search', 'aria-label': `Search ${title}`, autocomplete: 'off', spellcheck: 'false' });
      search.addEventListener('input', () => this.search(search.value));
      wrap.append(el('div', { class: 'tools' }, search, button('Copy as CSV', () => void this.copy(), { 'aria-label': `Copy ${title} as CSV` }), this.count));
      reach.append(el('table', { 'aria-labelledby': id }, this.head(), this.body));
      wrap.append(reach, this.more);
      this.draw();
    } else {
      wrap.append(el('p', { class: 'none' }, 'none'));
    }
    for (const note of this.notes()) wrap.append(el('p', { class: 'note' }, note));
    return wrap;
  }

  private notes(): string[] {
    const { left, hidden, notes } = this.table;
    const all = [...notes];
    if (left > 0) all.push(`${left.toLocaleString('en')} more rows had no room in this file: ${this.options.command} has them, and ebrec report --max-size makes room.`);
    if (hidden > 0) all.push(`${hidden.toLocaleString('en')} more are not listed by the analysis.`);
    return all;
  }

  private head(): HTMLElement {
    const row = el('tr');
    for (const i of this.columns) {
      const c = this.table.columns[i];
      const name = c.name.replace(/_ns$/, '').replaceAll('_', ' ');
      const th = el('th', { scope: 'col', 'aria-sort': 'none', title: c.unit ? `${c.doc} (${c.unit})` : c.doc, class: c.text ? 'text' : 'number' }, button(name, () => this.sort(i)));
      this.heads.push(th);
      row.append(th);
    }
    return el('thead', {}, row);
  }

  private sort(i: number): void {
    const c = this.table.columns[i];
    this.falling = this.sorted === i ? !this.falling : !c.text && c.unit !== '' && c.unit !== 'ns since epoch';
    this.sorted = i;
    this.shown = firstRows;
    this.heads.forEach((th, at) => th.setAttribute('aria-sort', this.columns[at] === i ? (this.falling ? 'descending' : 'ascending') : 'none'));
    this.arrange();
    say(`${this.table.title} sorted by ${c.name}, ${this.falling ? 'falling' : 'rising'}`);
  }

  private search(wanted: string): void {
    this.wanted = wanted.toLowerCase();
    this.shown = firstRows;
    this.arrange();
  }

  /** arrange puts the rows that were asked for in the order that was asked for. */
  private arrange(): void {
    const rows = [...Array(this.table.rows).keys()];
    if (this.wanted) {
      this.hay ??= rows.map((row) => this.columns.map((i) => this.text(i, row)).join('\n').toLowerCase());
      const hay = this.hay;
      this.order = rows.filter((row) => hay[row].includes(this.wanted));
    } else {
      this.order = rows;
    }
    if (this.sorted >= 0) {
      const values = this.table.data[this.sorted];
      const sign = this.falling ? -1 : 1;
      this.order.sort((a, b) => compare(this.table.columns[this.sorted], bare(values[a]), bare(values[b]), sign) || a - b);
    }
    this.draw();
  }

  private text(i: number, row: number): string { return cell(this.table.columns[i], this.table.data[i][row], this.options.clock); }

  private draw(): void {
    const rows = this.visible();
    this.body.replaceChildren(...rows.slice(0, this.shown).map((row) => this.row(row)));
    const total = this.table.rows;
    this.count.textContent = this.order.length === total ? counted(total, 'row', 'rows') : `${this.order.length.toLocaleString('en')} of ${counted(total, 'row', 'rows')}`;
    const rest = rows.length - this.shown, next = Math.min(rest, moreRows);
    this.more.replaceChildren();
    if (rest > 0) this.more.append(button(`Show ${next.toLocaleString('en')} more${next < rest ? ` of ${rest.toLocaleString('en')}` : ''}`, () => { this.shown += moreRows; this.draw(); }));
    else if (this.shown > firstRows && rows.length > firstRows) this.more.append(button('Show fewer', () => { this.shown = firstRows; this.draw(); }));
  }

  /** visible leaves out what is below a folded process of a tree. */
  private visible(): number[] {
    if (!this.asTree() || this.folded.size === 0) return this.order;
    let below = Infinity;
    return this.order.filter((row) => {
      const depth = this.depth(row);
      if (depth > below) return false;
      below = this.folded.has(row) ? depth : Infinity;
      return true;
    });
  }

  private asTree(): boolean { return !!this.options.tree && this.sorted < 0 && !this.wanted; }

  private depth(row: number): number { return Number(this.table.data[this.table.columns.findIndex((c) => c.name === 'depth')][row] ?? 0); }

  private row(row: number): HTMLElement {
    return el('tr', {}, ...this.columns.map((i) => this.cell(i, row)));
  }

  private cell(i: number, row: number): HTMLElement {
    const c = this.table.columns[i];
    const value = this.table.data[i][row];
    let text = this.text(i, row);
    const td = el('td', { class: c.text ? 'text' : 'number' });
    if (c.name === 'share' && c.text && value !== null) return this.bar(td, row);
    if (this.options.tree && c.name === 'tree') {
      text = text.slice(3 * this.depth(row)); // the lines in front of it
      if (this.asTree()) this.branch(td, row);
    }
    if ((c.name === 'comm' || c.name === 'tree') && value !== null) {
      const dot = el('span', { class: 'dot', 'aria-hidden': 'true', 'data-colour': text });
      dot.style.background = colour(text);
      td.append(dot);
    }
    const wait = this.table.columns.findIndex((other) => other.name === 'wait_ns');
    if (c.name === 'time' && wait >= 0 && this.options.find && value !== null) {
      const since = this.options.clock.since(BigInt(bare(value) ?? 0));
      td.append(button(text, () => this.options.find?.(since, Number(this.table.data[wait][row])), { class: 'find', title: 'Show it in the timeline' }));
      return td;
    }
    if (c.name === 'verdict' && text === 'changed') td.classList.add('changed');
    td.append(text);
    if (text.length > 40) td.title = text;
    return td;
  }

  /** bar is a number's share as a bar, which the text of the analysis draws with blocks. */
  private bar(td: HTMLElement, row: number): HTMLElement {
    const counts = this.table.data[this.table.columns.findIndex((c) => c.unit === 'count')] ?? [];
    const most = counts.reduce<number>((a, v) => Math.max(a, Number(v)), 1);
    const bar = el('span', { class: 'share', 'aria-hidden': 'true' });
    bar.style.width = `${(100 * Number(counts[row] ?? 0)) / most}%`;
    td.append(bar);
    return td;
  }

  private branch(td: HTMLElement, row: number): void {
    const depth = this.depth(row);
    td.style.paddingLeft = `${0.6 + 1.1 * Math.min(depth, 30)}rem`;
    const parent = row + 1 < this.table.rows && this.depth(row + 1) > depth;
    if (!parent) {
      td.append(el('span', { class: 'leaf' }));
      return;
    }
    const open = !this.folded.has(row);
    td.append(button(open ? '▾' : '▸', () => {
      if (!this.folded.delete(row)) this.folded.add(row);
      this.draw();
    }, { class: 'fold', 'aria-expanded': String(open), 'aria-label': 'Its children' }));
  }

  private async copy(): Promise<void> {
    const { columns, data } = this.table;
    const lines = [columns.map((c) => c.name).join(',')];
    for (const row of this.order) lines.push(columns.map((c, i) => csv(c, data[i][row])).join(','));
    const text = lines.join('\n') + '\n';
    try {
      await navigator.clipboard.writeText(text);
    } catch { // a page from disk may not, in some browsers
      const area = el('textarea', { 'aria-hidden': 'true', class: 'sr' });
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand('copy');
      area.remove();
    }
    this.count.textContent = `${counted(this.order.length, 'row', 'rows')} copied`;
  }
}

/** says tells whether a column says anything here, as analyze/text.go does. */
function says(t: Table, i: number): boolean {
  const c = t.columns[i];
  if (c.unlike) {
    const other = t.columns.findIndex((o) => o.name === c.unlike);
    return other < 0 || t.data[i].some((v, row) => v !== t.data[other][row]);
  }
  return !c.some || t.data[i].some((v) => v !== null);
}

/** compare puts what has no value last, whatever the direction. */
function compare(c: Column, a: number | string | null, b: number | string | null, sign: number): number {
  if (a === null || b === null) return Number(a === null) - Number(b === null);
  if (c.text) return sign * (a < b ? -1 : a > b ? 1 : 0);
  if (typeof a === 'number' && typeof b === 'number') return sign * (a - b);
  const x = BigInt(a), y = BigInt(b);
  return sign * (x < y ? -1 : x > y ? 1 : 0);
}
