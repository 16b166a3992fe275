import { equalBytes } from '@vmcraft/core/binary';
import type { BlockDevice } from '@vmcraft/core/contracts';
import type { Findings } from './check.js';
import { ClusterClaims, compareUsage, TreeCheck } from './check-tree.js';
import { defaultCodePage } from './code-page.js';
import { DirectoryStore } from './directory.js';
import { FatEntries } from './fat-entries.js';
import { type FatVolume, openFatVolume, tablesOf } from './fat-volume.js';
import { Attribute, BootSector, ENTRY_SIZE, ExtendedBpb32, FSINFO_UNKNOWN, FsInfo, ShortEntry } from './layout.js';
import { ClusterNode, type ParsedEntry } from './node.js';
import { rootEntry } from './open.js';

const CHUNK = 1024 * 1024;
const LIMITS = { maxDirEntries: 262_144, maxExtents: 1_048_576 };

/** Check a FAT volume. @throws CorruptImageError, TruncatedImageError when it cannot even be opened */
export async function checkFat(device: BlockDevice, findings: Findings): Promise<void> {
  const opened = await openFatVolume(device, LIMITS, {
    readonly: true,
    warn: (warning) => findings.warning(warning.message),
  });
  await checkBackup(device, opened, findings);
  await compareTables(device, opened, findings);
  const { volume, geometry, fixedRoot } = opened;
  const store = new DirectoryStore(volume, new FatEntries(defaultCodePage, geometry.kind === 'fat32'), fixedRoot);
  const root = new ClusterNode(volume, 1, undefined, rootEntry(geometry.rootCluster));
  const claims = new ClusterClaims();
  const tree = new TreeCheck(store, claims, findings, (dir, entry, path) =>
    checkDots(store, dir, entry, path, findings),
  );
  if (fixedRoot === undefined) await tree.claimChain(root.chain, 'root directory');
  await tree.walk(root);
  const { lost, free } = await compareUsage(
    volume,
    claims,
    (first, count) => volume.table.usage(first, count),
    async (cluster) => volume.table.isBad(await volume.table.get(cluster)),
  );
  if (lost > 0) findings.error(`${lost} clusters are in use but belong to nothing`);
  await checkFsInfo(device, opened, free, findings);
}

/** The backup boot sector is to be as the first one; the state byte may differ. */
async function checkBackup(device: BlockDevice, opened: FatVolume, findings: Findings): Promise<void> {
  const { backupBootSector, sectorSize } = opened.geometry;
  if (backupBootSector === 0) return;
  const main = (await device.read(0, BootSector.size)).slice(0, ExtendedBpb32.size);
  const backup = (await device.read(backupBootSector * sectorSize, BootSector.size)).slice(0, ExtendedBpb32.size);
  const state = ExtendedBpb32.offsetOf('state');
  main[state] = 0;
  backup[state] = 0;
  if (!equalBytes(main, backup)) findings.warning('the backup boot sector differs from the boot sector');
}

async function compareTables(device: BlockDevice, opened: FatVolume, findings: Findings): Promise<void> {
  const { active, all } = tablesOf(opened.geometry);
  for (const table of all) {
    if (table === active) continue;
    for (let at = 0; at < opened.geometry.fatSize; at += CHUNK) {
      const length = Math.min(CHUNK, opened.geometry.fatSize - at);
      const [first, second] = [await device.read(active + at, length), await device.read(table + at, length)];
      if (equalBytes(first, second)) continue;
      findings.error('the copies of the file allocation table differ');
      return;
    }
  }
}

/** `.` and `..` are a directory's first entries and name it and its parent. Microsoft FAT specification 1.03 §6.5. */
async function checkDots(
  store: DirectoryStore,
  dir: ClusterNode,
  entry: ParsedEntry,
  path: string,
  findings: Findings,
): Promise<void> {
  if ((entry.attributes & Attribute.directory) === 0) return;
  const node = new ClusterNode(store.volume, 0, dir, entry);
  const slots = await store.read(node, 0, 2);
  const wanted = [
    ['.          ', entry.firstCluster],
    ['..         ', dir.isRoot ? 0 : dir.fields.firstCluster],
  ] as const;
  for (const [i, [name, cluster]] of wanted.entries()) {
    const dot = ShortEntry.decode(slots, i * ENTRY_SIZE);
    const wide = store.volume.geometry.kind === 'fat32';
    const found = dot.clusterLow + (wide ? dot.clusterHigh * 0x10000 : 0);
    if (String.fromCharCode(...dot.name) !== name) findings.error(`${path}: entry '${name.trim()}' is missing`);
    else if (found !== cluster)
      findings.error(`${path}: entry '${name.trim()}' names cluster ${found}, not ${cluster}`);
  }
}

async function checkFsInfo(device: BlockDevice, opened: FatVolume, free: number, findings: Findings): Promise<void> {
  const { fsInfoSector, sectorSize, media } = opened.geometry;
  if (fsInfoSector !== 0) {
    const info = FsInfo.decode(await device.read(fsInfoSector * sectorSize, FsInfo.size));
    if (info.freeCount !== FSINFO_UNKNOWN && info.freeCount !== free) {
      findings.warning(`FSInfo counts ${info.freeCount} free clusters; there are ${free}`);
    }
  }
  if (((await opened.volume.table.get(0)) & 0xff) !== media) {
    findings.warning("the media type in the file allocation table is not the boot sector's");
  }
}
