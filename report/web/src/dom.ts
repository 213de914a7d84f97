// SPDX-License-Identifier: Apache-2.0

type Child = Node | string | null;

/** el makes an element. Text is text: nothing that a capture holds becomes markup. */
export function el<K extends keyof HTMLElementTagNameMap>(tag: K, attributes: Record<string, string> = {}, ...children: Child[]): HTMLElementTagNameMap[K] {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  for (const child of children) if (child !== null) node.append(child);
  return node;
}

export function button(label: string, act: () => void, attributes: Record<string, string> = {}): HTMLButtonElement {
  const node = el('button', { type: 'button', ...attributes }, label);
  node.addEventListener('click', act);
  return node;
}

/** say has a screen reader speak. */
export function say(words: string): void {
  const live = document.getElementById('live');
  if (live) live.textContent = words;
}

/** body is where a section's content goes; null when the page has no such section. */
export function body(section: string): HTMLElement | null {
  return document.querySelector<HTMLElement>(`#${section} > .body`);
}
