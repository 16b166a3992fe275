import {
  alignUp,
  CorruptImageError,
  decodeUtf8,
  type HostFile,
  LimitExceededError,
  TruncatedImageError,
  toSafeInteger,
  UsageError,
} from '@vmcraft/core';
import { checkL1, type Header } from './header.js';
import { ENTRY_BYTES, MAX_SNAPSHOT_EXTRA, MAX_SNAPSHOT_TABLE_BYTES, SnapshotExtra, SnapshotHeader } from './layout.js';

/** An internal snapshot. Offsets and sizes are bytes. */
export interface Snapshot {
  readonly id: string;
  readonly name: string;
  readonly l1Offset: number;
  readonly l1Size: number;
  /** Size of the disk then; undefined where the entry does not say. */
  readonly diskSize?: number;
}

/** The snapshot table, and how many bytes it takes. */
export interface SnapshotTable {
  readonly snapshots: readonly Snapshot[];
  readonly bytes: number;
}

/** Bytes of the table read at a time; a longer entry is read by itself. */
const WINDOW = 65536;

/**
 * Read the snapshot table.
 * @throws CorruptImageError, TruncatedImageError, LimitExceededError
 */
export async function readSnapshots(file: HostFile, header: Header): Promise<SnapshotTable> {
  const snapshots: Snapshot[] = [];
  let at = 0;
  let window = new Uint8Array(0);
  let windowAt = 0;
  const need = async (length: number): Promise<Uint8Array> => {
    if (at < windowAt || at + length > windowAt + window.length) {
      windowAt = at;
      window = Uint8Array.from(await file.read(header.snapshotsOffset + at, Math.max(length, WINDOW)));
    }
    if (window.length < length) {
      const offset = header.snapshotsOffset + at;
      throw new TruncatedImageError({ structure: 'qcow2.snapshot', offset, needed: length, available: window.length });
    }
    return window.subarray(at - windowAt);
  };
  for (let i = 0; i < header.snapshotCount; i++) {
    const fixed = SnapshotHeader.decode(await need(SnapshotHeader.size), 0, header.snapshotsOffset + at);
    if (fixed.extraDataSize > MAX_SNAPSHOT_EXTRA) {
      const expected = `at most ${MAX_SNAPSHOT_EXTRA}`;
      const offset = header.snapshotsOffset + at;
      const field = 'extra_data_size';
      throw new CorruptImageError({ structure: 'qcow2.snapshot', field, offset, expected, found: fixed.extraDataSize });
    }
    const length = SnapshotHeader.size + fixed.extraDataSize + fixed.idSize + fixed.nameSize;
    const entry = await need(length);
    snapshots.push(decodeSnapshot(entry.subarray(0, length), header.snapshotsOffset + at, header.version));
    at = alignUp(at + length, 8);
    if (at > MAX_SNAPSHOT_TABLE_BYTES) {
      throw new LimitExceededError({ limit: 'qcow2 snapshot table bytes', value: at, max: MAX_SNAPSHOT_TABLE_BYTES });
    }
  }
  return { snapshots, bytes: at };
}

function decodeSnapshot(entry: Uint8Array, base: number, version: number): Snapshot {
  const fixed = SnapshotHeader.decode(entry, 0, base);
  const idAt = SnapshotHeader.size + fixed.extraDataSize;
  const nameAt = idAt + fixed.idSize;
  const hasDiskSize = fixed.extraDataSize >= SnapshotExtra.size;
  if (version >= 3 && !hasDiskSize) {
    const expected = `at least ${SnapshotExtra.size}`;
    const field = 'extra_data_size';
    throw new CorruptImageError({
      structure: 'qcow2.snapshot',
      field,
      offset: base,
      expected,
      found: fixed.extraDataSize,
    });
  }
  const extra = hasDiskSize ? SnapshotExtra.decode(entry, SnapshotHeader.size, base) : undefined;
  return {
    id: decodeUtf8(entry.subarray(idAt, nameAt)),
    name: decodeUtf8(entry.subarray(nameAt, nameAt + fixed.nameSize)),
    l1Offset: toSafeInteger(fixed.l1TableOffset, 'qcow2.snapshot.l1_table_offset'),
    l1Size: fixed.l1Size,
    ...(extra === undefined ? {} : { diskSize: toSafeInteger(extra.diskSize, 'qcow2.snapshot.disk_size') }),
  };
}

/**
 * The snapshot known by id or, failing that, by name; its tables are checked.
 * @throws UsageError when there is none
 */
export function findSnapshot(all: readonly Snapshot[], wanted: string, header: Header, fileSize: number): Snapshot {
  const found = all.find((s) => s.id === wanted) ?? all.find((s) => s.name === wanted);
  if (found === undefined) {
    const names = all.map((s) => `${s.id} (${s.name})`).join(', ');
    throw new UsageError(`no snapshot '${wanted}'${names === '' ? '; the image has none' : `; there are: ${names}`}`);
  }
  checkL1('l1_table_offset', found.l1Offset, found.l1Size, found.diskSize ?? header.size, header, fileSize);
  return found;
}

/** Bytes of a snapshot's L1 table. */
export function snapshotL1Bytes(snapshot: Snapshot): number {
  return snapshot.l1Size * ENTRY_BYTES;
}
