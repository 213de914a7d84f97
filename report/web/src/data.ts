// SPDX-License-Identifier: Apache-2.0

// What the page was given: see report/tables.go and report/pack.go.

/** A value; with its unit, where each row has its own. */
export type Value = number | string | null | Amount;

export type Amount = [number, string];

export interface Column { name: string; unit: string; doc: string; text: boolean; some: boolean; unlike: string }

export interface Table { title: string; columns: Column[]; rows: number; left: number; hidden: number; notes: string[]; data: Value[][] }

export interface Section { id: string; title: string; command: string; doc: string; tables: Table[] }

export interface Name { pid: number; comm: string }

export interface Series { interval: number; names: Name[]; on_cpu: number[][]; notes: string[] | null }

export interface Heat { width: number; cells: [number, number, number][] }

export interface Page { begin: string; duration: number; zone: number; cpus: number; sections: Section[]; series: Series | null; heat: Heat | null }

export interface Level { ns: number; count: number; scales?: number[][] }

export interface TimelineData {
  switches: boolean;
  names: Name[];
  cpus: number[] | null;
  cpus_more: number;
  cpu_levels: Level[] | null;
  lanes: { name: number; born: number; died: number }[] | null;
  lanes_more: number;
  lane_levels: Level[] | null;
  marks: [number, number, string, string][] | null;
  marks_more: number;
  turns: [number, number, number, string][] | null;
  turns_more: number;
  threads: [number, number, string][] | null;
  chunks: number[] | null;
  chunk_ns: number;
  chunk_count: number;
  dropped: Record<string, number> | null;
}

/** text is that of a block of data; empty when the page has none. */
export function text(id: string): string {
  return document.getElementById(`data-${id}`)?.textContent?.trim() ?? '';
}

/** unpack undoes base64 and deflate. */
export async function unpack(packed: string): Promise<Uint8Array> {
  const binary = atob(packed);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate-raw'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

export async function unpackJSON<T>(id: string): Promise<T> {
  return JSON.parse(new TextDecoder().decode(await unpack(text(id)))) as T;
}
