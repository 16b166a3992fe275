import { viewOf } from '@vmcraft/core/binary';
import type { BlockDevice } from '@vmcraft/core/contracts';
import { CorruptImageError } from '@vmcraft/core/errors';
import {
  ARRAY_STATE,
  BITMAP_OFFSET_090,
  DISK,
  DISK_STATE,
  MAX_DISKS_090,
  MD_MAGIC,
  RESERVED_090,
  RESHAPE_MINOR,
  SECTOR,
  SUPERBLOCK_090_SIZE,
  WORD,
} from './layout.js';
import type { MdSuperblock, Role, SuperblockChange } from './superblock.js';

const STRUCTURE = 'mdp_superblock_s';

/** The words of a superblock, in the order of bytes of the machine that wrote it. */
class Words {
  readonly #view: DataView;

  constructor(
    readonly data: Uint8Array,
    readonly isLittle: boolean,
  ) {
    this.#view = viewOf(data);
  }

  get(word: number): number {
    return this.#view.getUint32(word * 4, this.isLittle);
  }

  set(word: number, value: number): void {
    this.#view.setUint32(word * 4, value, this.isLittle);
  }

  /** Of two words, the low one first on little-endian machines. */
  getLong(word: number): bigint {
    return this.#view.getBigUint64(word * 4, this.isLittle);
  }

  setLong(word: number, value: bigint): void {
    this.#view.setBigUint64(word * 4, value, this.isLittle);
  }

  /** Sum of all words but the checksum, the carry added once. */
  checksum(): number {
    let sum = -this.get(WORD.checksum);
    for (let word = 0; word < SUPERBLOCK_090_SIZE / 4; word++) sum += this.get(word);
    return ((sum % 2 ** 32) + Math.floor(sum / 2 ** 32)) >>> 0;
  }
}

/**
 * The superblock of version 0.90 on a device; undefined when there is none.
 * @throws CorruptImageError when there is one that is broken
 */
export async function readSuperblock090(device: BlockDevice): Promise<MdSuperblock | undefined> {
  if (device.size < RESERVED_090) return undefined;
  const offset = device.size - (device.size % RESERVED_090) - RESERVED_090;
  const data = (await device.read(offset, SUPERBLOCK_090_SIZE)).slice();
  const view = viewOf(data);
  const isLittle = view.getUint32(0, true) === MD_MAGIC;
  if (!isLittle && view.getUint32(0, false) !== MD_MAGIC) return undefined;
  const words = new Words(data, isLittle);
  if (words.get(WORD.major) !== 0) return undefined;
  const expected = words.checksum();
  const found = words.get(WORD.checksum);
  if (found !== expected) {
    throw new CorruptImageError({ structure: STRUCTURE, field: 'sb_csum', offset, expected, found });
  }
  return parse(words, offset);
}

const uuidWords = [WORD.uuid0, WORD.uuid1, WORD.uuid1 + 1, WORD.uuid1 + 2] as const;

function uuidOf(words: Words): { readonly uuid: string; readonly rawUuid: Uint8Array } {
  const hex = uuidWords.map((word) => words.get(word).toString(16).padStart(8, '0')).join('');
  const uuid = hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  const rawUuid = Uint8Array.from(uuidWords.flatMap((word) => [...words.data.subarray(word * 4, word * 4 + 4)]));
  return { uuid, rawUuid };
}

function resyncedOf(words: Words): number | undefined {
  if ((words.get(WORD.state) & ARRAY_STATE.clean) !== 0) return undefined;
  const isCheckpoint = words.getLong(WORD.checkpointEvents) === words.getLong(WORD.events);
  return isCheckpoint ? words.get(WORD.recoveryCheckpoint) * SECTOR : 0;
}

function parse(words: Words, offset: number): MdSuperblock {
  const disks = words.get(WORD.raidDisks);
  if (disks < 1 || disks > MAX_DISKS_090) {
    throw new CorruptImageError({ structure: STRUCTURE, field: 'raid_disks', offset, reason: `${disks} slots` });
  }
  const diskAt = (i: number): number => WORD.disks + i * DISK.words;
  const roles = Array.from({ length: MAX_DISKS_090 }, (_, i) => roleAt(words, diskAt(i), disks));
  const number = words.get(WORD.thisDisk + DISK.number);
  const own = number < MAX_DISKS_090 ? diskAt(number) : WORD.thisDisk;
  return {
    version: '0.90',
    ...uuidOf(words),
    name: '',
    preferredMinor: words.get(WORD.mdMinor),
    level: words.get(WORD.level) | 0,
    layout: words.get(WORD.layout),
    chunkSize: words.get(WORD.chunkSize),
    disks,
    memberSize: words.get(WORD.sizeKib) * 1024,
    events: words.getLong(WORD.events),
    resynced: resyncedOf(words),
    utime: words.get(WORD.utime),
    features: 0,
    reshaped: words.get(WORD.minor) >= RESHAPE_MINOR ? words.getLong(WORD.recoveryCheckpoint + 1) : undefined,
    number,
    deviceUuid: undefined,
    role: roleAt(words, own, disks),
    roles,
    rebuilt: undefined,
    isReplacement: false,
    isWriteMostly: (words.get(own + DISK.state) & DISK_STATE.writeMostly) !== 0,
    dataOffset: 0,
    dataSize: offset,
    offset,
    bitmapOffset: (words.get(WORD.state) & ARRAY_STATE.bitmap) === 0 ? undefined : offset + BITMAP_OFFSET_090,
    badBlockLog: undefined,
    journalTail: 0n,
    changed: (change) => changed(words, change),
  };
}

function roleAt(words: Words, disk: number, disks: number): Role {
  const state = words.get(disk + DISK.state);
  const slot = words.get(disk + DISK.raidDisk);
  if ((state & (DISK_STATE.faulty | DISK_STATE.removed)) !== 0) return 'faulty';
  return (state & DISK_STATE.sync) !== 0 && slot < disks ? slot : 'spare';
}

function changed(original: Words, { events, lost, time }: SuperblockChange): Uint8Array {
  const words = new Words(original.data.slice(), original.isLittle);
  const disks = words.get(WORD.raidDisks);
  let gone = 0;
  for (let i = 0; i < MAX_DISKS_090; i++) {
    const disk = WORD.disks + i * DISK.words;
    const role = roleAt(words, disk, disks);
    if (typeof role !== 'number' || !lost.has(role)) continue;
    words.data.fill(0, disk * 4, (disk + DISK.words) * 4);
    words.set(disk + DISK.number, i);
    words.set(disk + DISK.raidDisk, role);
    words.set(disk + DISK.state, DISK_STATE.removed | DISK_STATE.faulty);
    gone++;
  }
  const add = (word: number, count: number): void => words.set(word, Math.max(0, words.get(word) + count));
  for (const word of [WORD.diskCount, WORD.activeDisks, WORD.workingDisks]) add(word, -gone);
  add(WORD.failedDisks, gone);
  // A checkpoint of a resync counts only when it is as old as the superblock.
  if (words.getLong(WORD.checkpointEvents) === words.getLong(WORD.events)) words.setLong(WORD.checkpointEvents, events);
  words.setLong(WORD.events, events);
  words.set(WORD.utime, time);
  words.set(WORD.checksum, words.checksum());
  return words.data;
}
