// SPDX-License-Identifier: Apache-2.0

// Opens a page as the arguments (JSON) say, and prints what it found (JSON).
import { chromium } from 'playwright-core';

const job = JSON.parse(process.argv[2]);
const found = { errors: [], requests: [], dialogs: 0 };
const browser = await chromium.launch({ executablePath: job.browser, args: ['--no-sandbox'] });
const page = await browser.newPage({ viewport: { width: job.width, height: 900 }, colorScheme: job.scheme });
page.on('console', (m) => found.errors.push(`${m.type()}: ${m.text()}`));
page.on('pageerror', (e) => found.errors.push(e.message));
page.on('dialog', (d) => { found.dialogs++; void d.dismiss(); });
page.on('request', (r) => { if (r.url() !== new URL(job.url).href && !r.url().startsWith('blob:')) found.requests.push(r.url()); });
await page.addInitScript(() => {
  globalThis.copied = [];
  Object.defineProperty(navigator, 'clipboard', { value: { writeText: async (text) => void globalThis.copied.push(text) } });
});
await page.goto(job.url);
await page.waitForFunction(() => performance.getEntriesByName('ebrec:ready').length > 0, null, { timeout: 60_000 });
const mark = (name) => page.evaluate((n) => performance.getEntriesByName(n)[0].startTime, name);
found.interactiveMS = await mark('ebrec:timeline');
found.readyMS = await mark('ebrec:ready');

const span = () => page.locator('#timeline .span').textContent();
const press = async (...keys) => { for (const key of keys) { await page.keyboard.press(key); await page.waitForTimeout(60); } };

// settled is where something is once the page has scrolled to it.
const settled = async (selector) => {
  for (let last = '', same = 0; same < 4;) {
    await page.waitForTimeout(100);
    const now = JSON.stringify(await page.locator(selector).boundingBox());
    same = now === last ? same + 1 : 0;
    last = now;
  }
  return page.locator(selector).boundingBox();
};

const jobs = {
  // look goes through the page, and says what is there.
  async look() {
    for (const chart of await page.locator('.chart').all()) { // they are drawn as they come into sight
      await chart.scrollIntoViewIfNeeded();
      await chart.locator('canvas').waitFor({ timeout: 20_000 }).catch(() => {});
    }
    await page.evaluate(() => window.scrollTo({ top: 0, behavior: 'instant' }));
    Object.assign(found, await page.evaluate(() => ({
      wide: document.documentElement.scrollWidth,
      elements: [...new Set([...document.querySelectorAll('body *')].map((e) => e.localName))].sort(),
      charts: [...document.querySelectorAll('.chart')].map((c) => ({ label: c.getAttribute('aria-label'), drawn: c.querySelector('canvas') !== null })),
      sections: [...document.querySelectorAll('main > section')].map((s) => s.id),
      text: document.body.innerText,
      unnamed: [...document.querySelectorAll('button, input, [role=region], [role=img], section')].filter((e) => !(e.textContent?.trim() || e.getAttribute('aria-label') || e.getAttribute('aria-labelledby'))).length,
    })));
    if (!job.shots) return;
    await page.evaluate(() => { document.querySelector('nav').style.position = 'static'; });
    for (const id of ['header', ...found.sections.map((s) => '#' + s)]) {
      await page.locator(id).first().screenshot({ path: `${job.shots}-${id.replace('#', '')}.png` });
    }
  },
  // tables copies every table, and reads what is shown.
  async tables() {
    found.tables = [];
    for (const table of await page.locator('.table').all()) {
      const copy = table.getByRole('button', { name: 'as CSV' });
      if ((await copy.count()) === 0) continue;
      await copy.click();
      found.tables.push({
        section: await table.evaluate((e) => e.closest('section').id), title: await table.locator('h3').textContent(),
        csv: await page.evaluate(() => globalThis.copied.pop()),
        shown: await table.locator('tbody tr').evaluateAll((rows) => rows.map((r) => [...r.cells].map((c) => c.innerText).join(' '))),
      });
    }
  },
  // table sorts and searches one.
  async table() {
    const table = page.locator(`#${job.section} .table`).first();
    const rows = () => table.locator('tbody tr').evaluateAll((all) => all.map((r) => [...r.cells].map((c) => c.innerText)));
    const head = table.getByRole('button', { name: job.column, exact: true });
    const sort = () => head.evaluate((b) => b.closest('th').getAttribute('aria-sort'));
    await head.click();
    found.first = { sort: await sort(), rows: await rows() };
    await head.focus();
    await page.keyboard.press('Enter');
    found.second = { sort: await sort(), rows: await rows() };
    await table.getByRole('searchbox').fill(job.search);
    found.searched = { rows: await rows(), count: await table.locator('.count').textContent() };
  },
  // zoom moves the timeline by keyboard, wheel and mouse.
  async zoom() {
    found.spans = { whole: await span() };
    await page.locator('.lanes').focus();
    await press('+', '+');
    found.spans.in = await span();
    await press('ArrowRight');
    found.spans.right = await span();
    await press('-');
    found.spans.out = await span();
    await press('Home');
    found.spans.home = await span();
    const box = await page.locator('.lanes').boundingBox();
    await page.mouse.move(box.x + box.width / 2, box.y + 60);
    await page.keyboard.down('Control');
    await page.mouse.wheel(0, -300);
    await page.keyboard.up('Control');
    await page.waitForFunction((old) => document.querySelector('#timeline .span').textContent !== old, found.spans.home);
    found.spans.wheel = await span();
    await page.getByLabel('Find a process in the timeline').fill('no such process');
    found.none = await page.locator('#live').textContent();
    await page.getByLabel('Find a process in the timeline').fill(job.search);
    found.found = await page.locator('#live').textContent();
  },
  // wait goes to a wait of the table, and has the CPU's lane described.
  async wait() {
    const row = page.locator('#runqueue tbody tr:has(.find)').first();
    found.row = await row.locator('td').allInnerTexts();
    await row.locator('.find').click();
    const cpu = Number(found.row[4]);
    const box = await settled('.lanes');
    const gutter = box.width < 600 ? 96 : 176;
    // The span is the wait and a margin on either side; the thread came at its end.
    const wait = await page.evaluate((text) => { const [n, u] = text.split(' '); return Number(n) * { ns: 1, us: 1e3, ms: 1e6, s: 1e9 }[u]; }, found.row[1]);
    const margin = Math.max(wait, 20_000), all = wait + 2 * margin;
    await page.mouse.click(box.x + gutter + ((wait + margin) / all) * (box.width - gutter) + 3, box.y + 30 + 26 + 22 * cpu + 11);
    found.details = await page.locator('.details').textContent();
    if (job.shots) await page.locator('#timeline').screenshot({ path: `${job.shots}-wait.png` });
  },
  // pace zooms in and out through the whole recording.
  async pace() {
    await page.locator('.lanes').focus();
    for (let i = 0; i < 22; i++) await press('+');
    for (let i = 0; i < 22; i++) await press('-');
    found.zoomMS = await page.evaluate(() => performance.getEntriesByName('ebrec:zoom').map((m) => m.duration));
  },
};
for (const name of job.jobs) await jobs[name]();
await browser.close();
console.log(JSON.stringify(found));
