import { uuid, viewOf } from '@vmcraft/core/binary';
import { CorruptImageError } from '@vmcraft/core/errors';
import { XFS_MAGIC } from './layout.js';
import {
  BASIC_BLOCK,
  BLOCK_LSN,
  BUFFER_CHUNK,
  BufferFlag,
  BufferItem,
  INDEX_LSN,
  NEXT_UNLINKED,
  SUPERBLOCK_LSN,
} from './log-layout.js';
import type { LogItem } from './log-transaction.js';
import type { ReplayOverlay } from './replay-overlay.js';
import type { Volume } from './volume.js';

const MAX_BLOCKS = 65_536 / BASIC_BLOCK;
const INDEX_MAGICS: readonly number[] = [0x3df1, 0x3dff, 0x3bee, 0x3ebe];
const NO_LSN = 0xffff_ffff_ffff_ffffn;

/** A change of blocks: where they are, and the chunks of 128 bytes that it has. */
export interface BufferChange {
  readonly flags: number;
  /** Bytes on the device. */
  readonly offset: number;
  readonly length: number;
  /** Chunks in it: where in the buffer, and their bytes. */
  readonly chunks: readonly { readonly at: number; readonly data: Uint8Array }[];
}

/** @throws CorruptImageError when it does not lie on the device */
export function bufferChange(item: LogItem, size: number): BufferChange {
  const [head, ...regions] = item.regions;
  const { flags, blocks, block, mapWords } = BufferItem.decode(head!);
  const offset = Number(block) * BASIC_BLOCK;
  const length = blocks * BASIC_BLOCK;
  if (blocks > MAX_BLOCKS || offset + length > size) throw malformed(`${blocks} blocks at ${block} are outside`);
  if (BufferItem.size + mapWords * 4 > head!.length) throw malformed('the map of changes does not fit');
  const chunks: { at: number; data: Uint8Array }[] = [];
  if ((flags & BufferFlag.cancel) !== 0) return { flags, offset, length, chunks };
  let next = 0;
  for (const [first, count] of runsOf(head!, mapWords * 32)) {
    for (let done = 0; done < count; ) {
      const data = regions[next++];
      if (data === undefined || data.length < BUFFER_CHUNK) throw malformed('the map of changes is not its regions');
      // A run may be told in several regions.
      const taken = Math.min(count - done, Math.floor(data.length / BUFFER_CHUNK));
      const at = (first + done) * BUFFER_CHUNK;
      if (at + taken * BUFFER_CHUNK > length) throw malformed('a change lies outside its buffer');
      chunks.push({ at, data: data.subarray(0, taken * BUFFER_CHUNK) });
      done += taken;
    }
  }
  return { flags, offset, length, chunks };
}

/** Runs of bits that are set in the map: first bit and how many. */
function* runsOf(head: Uint8Array, bits: number): Generator<readonly [number, number]> {
  const view = viewOf(head);
  const isSet = (i: number): boolean =>
    ((view.getUint32(BufferItem.size + (i >>> 5) * 4, true) >>> (i & 31)) & 1) !== 0;
  for (let i = 0; i < bits; i++) {
    if (!isSet(i)) continue;
    const first = i;
    while (i < bits && isSet(i)) i++;
    yield [first, i - first];
  }
}

/** Replay a change unless the blocks are already newer. */
export async function replayBuffer(
  volume: Volume,
  overlay: ReplayOverlay,
  change: BufferChange,
  lsn: bigint,
): Promise<void> {
  const current = await overlay.read(change.offset, change.length);
  const own = volume.isChecked ? lsnOf(current, volume) : undefined;
  if (own !== undefined && own !== 0n && own !== NO_LSN && own >= lsn) return;
  for (const { at, data } of change.chunks) {
    if ((change.flags & BufferFlag.inodes) === 0) await overlay.put(change.offset + at, data);
    else await replayUnlinked(volume, overlay, change.offset, at, data);
  }
}

/** Of inodes in a buffer only the pointers of unlinked lists are logged: the rest of the region is old. */
async function replayUnlinked(
  volume: Volume,
  overlay: ReplayOverlay,
  offset: number,
  at: number,
  data: Uint8Array,
): Promise<void> {
  const { inodeSize } = volume.superblock;
  for (let inode = at - (at % inodeSize); inode < at + data.length; inode += inodeSize) {
    const from = inode + NEXT_UNLINKED.at - at;
    if (from < 0 || from + NEXT_UNLINKED.size > data.length) continue;
    await overlay.put(offset + at + from, data.subarray(from, from + NEXT_UNLINKED.size));
  }
}

/** When the blocks were last changed; undefined when they do not tell, or belong to a file system that was here before. */
function lsnOf(data: Uint8Array, volume: Volume): bigint | undefined {
  const view = viewOf(data);
  const magic = view.getUint32(0);
  const isIndex = INDEX_MAGICS.includes(view.getUint16(8));
  const places = magic === XFS_MAGIC ? SUPERBLOCK_LSN : (BLOCK_LSN.get(magic) ?? (isIndex ? INDEX_LSN : undefined));
  if (places === undefined || places.lsn + 8 > data.length) return undefined;
  const expected = magic === XFS_MAGIC ? volume.superblock.uuid : volume.ownUuid;
  return uuid.read(view, places.uuid) === expected ? view.getBigUint64(places.lsn) : undefined;
}

function malformed(reason: string): CorruptImageError {
  return new CorruptImageError({ structure: BufferItem.name, reason });
}
