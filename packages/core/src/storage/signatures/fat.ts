import { decodeUtf8, isPowerOfTwo } from '../../binary/index.js';
import { details, label, serial32, slice } from './fields.js';
import { hexMagic, type ProbeWindow, type SignatureDetails, type SignatureSpec, text } from './signature.js';

/** Microsoft FAT 1.03, "FAT Type Determination": most clusters of each kind. */
const MAX_CLUSTERS = { fat12: 0xff4, fat16: 0xfff4, fat32: 0x0ffffff6 } as const;
/** Directory entries read while looking for the volume's label. */
const MAX_ENTRIES = 4096;
/** Clusters of a FAT32 root directory followed at most. */
const MAX_ROOT_CLUSTERS = 64;
const ENTRY_SIZE = 32;
const ATTRIBUTE = { volumeId: 0x08, directory: 0x10, longName: 0x0f, mask: 0x3f } as const;
const DELETED = 0xe5;

/** What the boot sector says of the volume; sizes in sectors. */
interface FatGeometry {
  readonly bytesPerSector: number;
  readonly sectorsPerCluster: number;
  readonly reserved: number;
  readonly fats: number;
  readonly rootEntries: number;
  readonly fatLength: number;
  readonly isFat32: boolean;
  readonly clusters: number;
}

function isMedia(media: number): boolean {
  return media === 0xf0 || media >= 0xf8;
}

/** Microsoft FAT 1.03, "Boot Sector and BPB". Undefined when the fields contradict each other. */
function readGeometry(v: DataView): FatGeometry | undefined {
  const bytesPerSector = v.getUint16(11, true);
  const sectorsPerCluster = v.getUint8(13);
  const reserved = v.getUint16(14, true);
  const fats = v.getUint8(16);
  const rootEntries = v.getUint16(17, true);
  const shortLength = v.getUint16(22, true);
  const fatLength = shortLength || v.getUint32(36, true);
  const sectors = v.getUint16(19, true) || v.getUint32(32, true);
  if (reserved === 0 || fats === 0 || fatLength === 0 || !isMedia(v.getUint8(21))) return undefined;
  if (!isPowerOfTwo(sectorsPerCluster) || !isPowerOfTwo(bytesPerSector)) return undefined;
  if (bytesPerSector < 512 || bytesPerSector > 4096) return undefined;
  const rootSectors = Math.ceil((rootEntries * ENTRY_SIZE) / bytesPerSector);
  const clusters = Math.floor((sectors - reserved - fats * fatLength - rootSectors) / sectorsPerCluster);
  const isFat32 = shortLength === 0;
  const max = isFat32 ? MAX_CLUSTERS.fat32 : MAX_CLUSTERS.fat16;
  if (clusters < 0 || clusters > max) return undefined;
  return { bytesPerSector, sectorsPerCluster, reserved, fats, rootEntries, fatLength, isFat32, clusters };
}

/** The volume's label in a run of directory entries: undefined to go on, null at the end of the directory. */
function findLabel(entries: Uint8Array): string | null | undefined {
  for (let at = 0; at + ENTRY_SIZE <= entries.length; at += ENTRY_SIZE) {
    const first = entries[at]!;
    if (first === 0) return null;
    const attributes = entries[at + 11]! & ATTRIBUTE.mask;
    const isLong = attributes === ATTRIBUTE.longName;
    const hasCluster =
      entries[at + 20] !== 0 || entries[at + 21] !== 0 || entries[at + 26] !== 0 || entries[at + 27] !== 0;
    if (first === DELETED || isLong || hasCluster) continue;
    if ((attributes & (ATTRIBUTE.volumeId | ATTRIBUTE.directory)) === ATTRIBUTE.volumeId) {
      const name = entries.slice(at, at + 11);
      // 0x05 stands for a first byte of 0xE5.
      if (name[0] === 0x05) name[0] = DELETED;
      return decodeUtf8(name).trimEnd();
    }
  }
  return undefined;
}

async function rootLabel12(w: ProbeWindow, g: FatGeometry): Promise<string | undefined> {
  const at = (g.reserved + g.fats * g.fatLength) * g.bytesPerSector;
  const length = Math.min(g.rootEntries, MAX_ENTRIES) * ENTRY_SIZE;
  const there = Math.min(length, Math.max(0, w.size - at));
  const entries = await w.bytes(at, there - (there % ENTRY_SIZE));
  return (entries && findLabel(entries)) ?? undefined;
}

async function rootLabel32(w: ProbeWindow, g: FatGeometry, first: number): Promise<string | undefined> {
  const dataAt = (g.reserved + g.fats * g.fatLength) * g.bytesPerSector;
  const clusterSize = g.sectorsPerCluster * g.bytesPerSector;
  const visited = new Set<number>();
  for (let cluster = first; visited.size < MAX_ROOT_CLUSTERS && !visited.has(cluster); ) {
    if (cluster < 2 || cluster >= g.clusters + 2) return undefined;
    visited.add(cluster);
    const entries = await w.bytes(dataAt + (cluster - 2) * clusterSize, clusterSize);
    const found = entries === undefined ? null : findLabel(entries);
    if (found !== undefined) return found ?? undefined;
    const next = await w.view(g.reserved * g.bytesPerSector + cluster * 4, 4);
    if (next === undefined) return undefined;
    cluster = next.getUint32(0, true) & 0x0fffffff;
  }
  return undefined;
}

/** Marks that say FAT by themselves; the others (jump instruction, 55 AA) are on many boot sectors. */
const STRONG = 6;

async function readFat(w: ProbeWindow, index: number): Promise<SignatureDetails | undefined> {
  const view = await w.view(0, 512);
  if (view === undefined) return undefined;
  if (index >= STRONG) {
    if (view.getUint16(510, true) !== 0xaa55) return undefined;
    // OS/2 puts a boot sector like that of FAT on its own file systems.
    const kind = label(view, 54, 8);
    if (kind === 'JFS' || kind === 'HPFS') return undefined;
  }
  const g = readGeometry(view);
  if (g === undefined) return undefined;
  if (g.isFat32) {
    const named = await rootLabel32(w, g, view.getUint32(44, true));
    return details({ label: named, uuid: serial32(view, 67), version: 'FAT32', blockSize: g.bytesPerSector });
  }
  const version = g.clusters <= MAX_CLUSTERS.fat12 ? 'FAT12' : 'FAT16';
  const named = await rootLabel12(w, g);
  return details({ label: named, uuid: serial32(view, 39), version, blockSize: g.bytesPerSector });
}

/** FAT12, FAT16 and FAT32. */
export const FAT: SignatureSpec = {
  type: 'vfat',
  usage: 'filesystem',
  magics: [
    text(0x52, 'MSWIN'),
    text(0x52, 'FAT32   '),
    text(0x36, 'MSDOS'),
    text(0x36, 'FAT16   '),
    text(0x36, 'FAT12   '),
    text(0x36, 'FAT     '),
    hexMagic(0, 'eb'),
    hexMagic(0, 'e9'),
    hexMagic(510, '55aa'),
  ],
  read: (w, { index }) => readFat(w, index),
};

/** exFAT specification 1.00, section 3.1: places in sectors, clusters from 2. */
async function exfatLabel(w: ProbeWindow, v: DataView): Promise<string | undefined> {
  const sectorShift = v.getUint8(108);
  const clusterShift = sectorShift + v.getUint8(109);
  if (sectorShift < 9 || sectorShift > 12 || clusterShift > 25) return undefined;
  const heapAt = v.getUint32(88, true) * 2 ** sectorShift;
  const fatAt = v.getUint32(80, true) * 2 ** sectorShift;
  const visited = new Set<number>();
  for (let cluster = v.getUint32(96, true); visited.size < MAX_ROOT_CLUSTERS && !visited.has(cluster); ) {
    if (cluster < 2 || cluster > v.getUint32(92, true) + 1) return undefined;
    visited.add(cluster);
    const wanted = Math.min(2 ** clusterShift, MAX_ENTRIES * ENTRY_SIZE);
    const entries = await w.view(heapAt + (cluster - 2) * 2 ** clusterShift, wanted);
    if (entries === undefined) return undefined;
    for (let at = 0; at + ENTRY_SIZE <= wanted; at += ENTRY_SIZE) {
      const type = entries.getUint8(at);
      if (type === 0) return undefined;
      // Section 7.3: the label entry has a count and up to 11 characters.
      if (type === 0x83) {
        const count = Math.min(entries.getUint8(at + 1), 11);
        return new TextDecoder('utf-16le').decode(slice(entries, at + 2, count * 2));
      }
    }
    cluster = (await w.view(fatAt + cluster * 4, 4))?.getUint32(0, true) ?? 0;
  }
  return undefined;
}

export const EXFAT: SignatureSpec = {
  type: 'exfat',
  usage: 'filesystem',
  magics: [text(3, 'EXFAT   ')],
  read: async (w) => {
    const view = await w.view(0, 512);
    if (view === undefined) return undefined;
    const version = `${view.getUint8(105)}.${view.getUint8(104)}`;
    const blockSize = 2 ** Math.min(view.getUint8(108), 12);
    return details({ label: await exfatLabel(w, view), uuid: serial32(view, 100), version, blockSize });
  },
};
