import { LimitExceededError, viewOf } from '@vmcraft/core';
import { writeRefcountTablePlace } from './header-writer.js';
import { hostOffset } from './l2-entry.js';
import { ENTRY_BYTES, HIGH_COMPRESSED, HIGH_COPIED } from './layout.js';
import type { Qcow2Parts } from './qcow2-image.js';
import { RANK } from './ranks.js';
import { maxRefcount, setRefcount } from './refcount-entries.js';
import { layoutRefcounts } from './refcount-layout.js';
import type { Refcounts } from './refcounts.js';
import { ReferenceCounter } from './reference-counter.js';

/**
 * Count anew and write new refcount blocks and a new table behind the file, then switch the header to them: at no time does the file have
 * half of each. Afterwards the copied flags of the active tables are set by the new counts.
 */
export async function rebuildRefcounts(parts: Qcow2Parts, refcounts: Refcounts): Promise<void> {
  const { file, header } = parts;
  const size = header.clusterSize;
  const counter = new ReferenceCounter(parts);
  await counter.countAll();
  const start = counter.counts.length;
  const layout = layoutRefcounts(start, 0, refcounts.perBlock, size);
  const table = new Uint8Array(layout.tableClusters * size);
  const tableView = viewOf(table);
  for (let block = 0; block < layout.endBlock; block++) {
    const at = (start + block) * size;
    await file.write(
      at,
      refcountBlock(counter.counts, block, refcounts.perBlock, header.refcountOrder, size, layout.end),
    );
    tableView.setBigUint64(block * ENTRY_BYTES, BigInt(at));
  }
  await file.write(layout.tableAt * size, table);
  await file.flush();
  const place = { offset: layout.tableAt * size, clusters: layout.tableClusters };
  await writeRefcountTablePlace(file, place.offset, place.clusters);
  refcounts.replaceTable(place);
  await repairCopiedFlags(parts, counter.counts);
}

/** One block of counts; clusters from the end of the file to `end` hold the new structures themselves. */
function refcountBlock(
  counts: Uint16Array,
  block: number,
  perBlock: number,
  order: number,
  size: number,
  end: number,
): Uint8Array {
  const data = new Uint8Array(size);
  const view = viewOf(data);
  const max = maxRefcount(order);
  for (let i = 0; i < perBlock; i++) {
    const cluster = block * perBlock + i;
    if (cluster >= end) break;
    const count = cluster < counts.length ? (counts[cluster] as number) : 1;
    if (count > max) throw new LimitExceededError({ limit: 'references to one cluster', value: count, max });
    if (count > 0) setRefcount(view, order, i, count);
  }
  return data;
}

/** The copied flag says that a count is exactly one. Only the active tables have it right. */
async function repairCopiedFlags(parts: Qcow2Parts, counts: Uint16Array): Promise<void> {
  const { cache, map } = parts;
  const g = map.geometry;
  for (let i = 0; i < map.l1.entries; i++) {
    const position = map.l1.offset + i * ENTRY_BYTES;
    const l1 = await cache.page(position);
    const at = position - l1.offset;
    const table = hostOffset(l1.view.getUint32(at), l1.view.getUint32(at + 4));
    if (table === 0) continue;
    if (repairFlag(l1.view, at, counts[table / g.clusterSize] === 1)) cache.touch(l1, RANK.l1);
    if (!g.dataFile) await repairTable(parts, table, counts);
    if (cache.crowded) await cache.writeBack();
  }
  await cache.writeBack();
}

async function repairTable(parts: Qcow2Parts, table: number, counts: Uint16Array): Promise<void> {
  const { cache, map } = parts;
  const g = map.geometry;
  for (let at = 0; at < g.clusterSize; at += cache.pageSize) {
    const page = await cache.page(table + at);
    let changed = false;
    for (let p = 0; p < page.data.length; p += g.entryBytes) {
      const high = page.view.getUint32(p);
      const host = hostOffset(high, page.view.getUint32(p + 4));
      if ((high & HIGH_COMPRESSED) !== 0 || host === 0) continue;
      changed = repairFlag(page.view, p, counts[host / g.clusterSize] === 1) || changed;
    }
    if (changed) cache.touch(page, RANK.l2);
  }
}

/** @returns whether the flag was wrong */
function repairFlag(view: DataView, at: number, copied: boolean): boolean {
  const high = view.getUint32(at);
  const right = copied ? (high | HIGH_COPIED) >>> 0 : (high & ~HIGH_COPIED) >>> 0;
  if (right === high) return false;
  view.setUint32(at, right);
  return true;
}
