import { concatBytes } from '@vmcraft/core/binary';
import { UsageError } from '@vmcraft/core/errors';
import { sealBaseBlock } from './base-block.js';
import { dateToFileTime } from './file-time.js';
import { type Hive, openHive } from './hive.js';
import {
  BASE_BLOCK_SIZE,
  BaseBlock,
  BIN_UNIT,
  BinHeader,
  CELL_HEADER,
  CELL_UNIT,
  KeyFlag,
  KeyNode,
  KeySecurity,
  NO_CELL,
} from './layout.js';
import { encodeName } from './names.js';
import { parseSddl } from './sddl-parse.js';
import { memorySource } from './source.js';

/** How to make an empty hive. */
export interface CreateHiveOptions {
  /** Minor version of the format, 3 to 6 (5, what Windows XP and later write for most hives). */
  readonly minorVersion?: 3 | 4 | 5 | 6;
  /** Name of the root key (`ROOT`). */
  readonly rootName?: string;
  /** Recorded in the base block: the last 31 characters of the hive's path. */
  readonly fileName?: string;
  /** Security of the root key, as SDDL. */
  readonly sddl?: string;
  readonly now?: () => Date;
}

/** Full control for SYSTEM and administrators, reading for everyone, inherited by subkeys: what Windows gives SOFTWARE's root. */
const DEFAULT_SDDL = 'O:BAG:SYD:(A;CI;KA;;;BA)(A;CI;KA;;;SY)(A;CI;KR;;;WD)(A;CI;KR;;;RC)';
const MAX_FILE_NAME = 31;

function cell(content: Uint8Array): Uint8Array {
  const size = Math.ceil((content.length + CELL_HEADER) / CELL_UNIT) * CELL_UNIT;
  const out = new Uint8Array(size);
  new DataView(out.buffer).setInt32(0, -size, true);
  out.set(content, CELL_HEADER);
  return out;
}

function rootKey(name: string, security: number, time: bigint): Uint8Array {
  const stored = encodeName(name);
  const node = KeyNode.encode({
    signature: 'nk',
    flags: KeyFlag.hiveEntry | KeyFlag.noDelete | (stored.compressed ? KeyFlag.compressedName : 0),
    lastWritten: time,
    parent: NO_CELL,
    subkeyList: NO_CELL,
    volatileSubkeyList: NO_CELL,
    valueList: NO_CELL,
    security,
    className: NO_CELL,
    nameLength: stored.bytes.length,
  });
  return concatBytes([node, stored.bytes]);
}

/**
 * A new hive in memory with only its root key; it is writable, and {@link Hive.bytes} has it after a commit.
 * @throws UsageError when an option makes no sense
 */
export function createHive(options: CreateHiveOptions = {}): Promise<Hive> {
  const { minorVersion = 5, rootName = 'ROOT', fileName = '', sddl = DEFAULT_SDDL, now = () => new Date() } = options;
  if (minorVersion < 3 || minorVersion > 6) throw new UsageError(`no hive version 1.${minorVersion}`);
  const time = dateToFileTime(now());
  const rootCell = BinHeader.size;
  const rootSize = cell(rootKey(rootName, 0, time)).length;
  const securityCell = rootCell + rootSize;
  const descriptor = parseSddl(sddl);
  const security = concatBytes([
    KeySecurity.encode({
      signature: 'sk',
      flink: securityCell,
      blink: securityCell,
      referenceCount: 1,
      descriptorSize: descriptor.length,
    }),
    descriptor,
  ]);
  const used = concatBytes([cell(rootKey(rootName, securityCell, time)), cell(security)]);
  const binSize = Math.ceil((BinHeader.size + used.length) / BIN_UNIT) * BIN_UNIT;
  const bytes = new Uint8Array(BASE_BLOCK_SIZE + binSize);
  const block = {
    signature: 'regf',
    primarySequence: 1,
    secondarySequence: 1,
    lastWritten: time,
    majorVersion: 1,
    minorVersion,
    fileFormat: 1,
    rootCell,
    binsSize: binSize,
    clusteringFactor: 1,
    fileName: fileName.slice(-MAX_FILE_NAME),
  };
  BaseBlock.encodeInto(block, bytes);
  sealBaseBlock(bytes);
  BinHeader.encodeInto({ signature: 'hbin', offset: 0, size: binSize, timestamp: time }, bytes, BASE_BLOCK_SIZE);
  bytes.set(used, BASE_BLOCK_SIZE + BinHeader.size);
  const free = BinHeader.size + used.length;
  if (binSize > free) new DataView(bytes.buffer).setInt32(BASE_BLOCK_SIZE + free, binSize - free, true);
  return openHive(memorySource(bytes), { writable: true, now });
}
