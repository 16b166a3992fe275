import type { MemoryDevice } from '@vmcraft/core/block';
import { NodeHeader, SUPERBLOCK_PLACES } from '../src/layout.js';

/** A block of metadata on a device. */
export interface NodePlace {
  readonly at: number;
  /** Tree that it belongs to, and its level. */
  readonly owner: number;
  readonly level: number;
  readonly generation: number;
  readonly items: number;
}

const BLOCK = 4096;

async function* written(device: MemoryDevice): AsyncGenerator<{ at: number; data: Uint8Array }> {
  for await (const { offset, length, kind } of device.extents(0, device.size)) {
    if (kind === 'data') yield { at: offset, data: await device.read(offset, length) };
  }
}

/** Every block with the header of a node, whether it still counts or not. */
export async function nodesOn(device: MemoryDevice, fsid: string): Promise<NodePlace[]> {
  const found: NodePlace[] = [];
  for await (const { at, data } of written(device)) {
    for (let i = 0; i + BLOCK <= data.length; i += BLOCK) {
      const header = NodeHeader.decode(data, i);
      if (header.fsid !== fsid || SUPERBLOCK_PLACES.includes((at + i) as (typeof SUPERBLOCK_PLACES)[number])) continue;
      const { owner, level, generation, nritems } = header;
      found.push({ at: at + i, owner: Number(owner), level, generation: Number(generation), items: nritems });
    }
  }
  return found;
}

/** Where some text, or bytes, are on a device. */
export async function textOn(device: MemoryDevice, text: string | Uint8Array): Promise<number[]> {
  const places: number[] = [];
  for await (const { at, data } of written(device)) {
    const buffer = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    for (let i = buffer.indexOf(text); i >= 0; i = buffer.indexOf(text, i + 1)) places.push(at + i);
  }
  return places;
}

/** Turn one bit over. */
export async function flip(device: MemoryDevice, at: number): Promise<void> {
  const [byte = 0] = await device.read(at, 1);
  await device.write(at, Uint8Array.of(byte ^ 4));
}
