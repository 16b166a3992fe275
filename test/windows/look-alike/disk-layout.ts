import type { Release } from './releases.js';

const MIB = 1 << 20;

/** A partition of a look-alike's disk. Bytes. */
export interface LayoutPartition {
  readonly role: 'esp' | 'msr' | 'reserved' | 'windows' | 'recovery' | 'data';
  readonly offset: number;
  readonly size: number;
  readonly filesystem: 'vfat' | 'ntfs' | 'none';
  readonly label: string;
  /** GPT only. */
  readonly guid?: string;
}

/** A drive letter. */
export interface LayoutDrive {
  readonly letter: string;
  /** Index into {@link DiskLayout.partitions}. */
  readonly partition: number;
  readonly gptGuid?: string;
  readonly mbr?: { readonly signature: number; readonly offset: number };
}

/** How a look-alike's disk is divided. */
export interface DiskLayout {
  readonly table: 'gpt' | 'mbr';
  readonly diskGuid: string;
  readonly signature: number;
  /** Bytes. */
  readonly size: number;
  readonly partitions: readonly LayoutPartition[];
  readonly drives: readonly LayoutDrive[];
}

type Part = Omit<LayoutPartition, 'offset' | 'guid'>;

const windows: Part = { role: 'windows', size: 64 * MIB, filesystem: 'ntfs', label: 'Windows' };
const data: Part = { role: 'data', size: 8 * MIB, filesystem: 'ntfs', label: 'Data' };
const reserved: Part = { role: 'reserved', size: 16 * MIB, filesystem: 'ntfs', label: 'System Reserved' };
const uefi: readonly Part[] = [
  { role: 'esp', size: 40 * MIB, filesystem: 'vfat', label: 'SYSTEM' },
  { role: 'msr', size: 16 * MIB, filesystem: 'none', label: 'Microsoft reserved partition' },
  windows,
  { role: 'recovery', size: 16 * MIB, filesystem: 'ntfs', label: 'Recovery' },
  data,
];

/** The layout that setup gives a release, and a data partition that is drive D. */
export function diskLayout(r: Release): DiskLayout {
  const isGpt = r.firmware === 'uefi';
  const parts = isGpt ? uefi : r.systemReserved === true ? [reserved, windows, data] : [windows, data];
  const seed = [...r.id].reduce((sum, c) => (sum * 31 + c.charCodeAt(0)) >>> 0, 7);
  const hex = seed.toString(16).padStart(8, '0');
  let offset = MIB;
  const partitions = parts.map((part, i): LayoutPartition => {
    const at = offset;
    offset += part.size;
    return { ...part, offset: at, ...(isGpt ? { guid: `${hex}-1e17-41e9-865d-2e5b4328cd2${i}` } : {}) };
  });
  const letters: readonly (readonly [string, LayoutPartition['role']])[] = [
    ['C', 'windows'],
    ['D', 'data'],
  ];
  const drives = letters.map(([letter, role]): LayoutDrive => {
    const partition = partitions.findIndex((p) => p.role === role);
    const { guid, offset: start } = partitions[partition]!;
    return guid === undefined
      ? { letter, partition, mbr: { signature: seed, offset: start } }
      : { letter, partition, gptGuid: guid };
  });
  return {
    table: isGpt ? 'gpt' : 'mbr',
    diskGuid: `${hex}-d15c-4000-8000-0123456789ab`,
    signature: seed,
    size: offset + MIB,
    partitions,
    drives,
  };
}
