import type { BlockDevice } from '@vmcraft/core/contracts';
import { CorruptImageError } from '@vmcraft/core/errors';
import type { Findings } from './check.js';
import { ClusterClaims, claimExtra, compareUsage, TreeCheck } from './check-tree.js';
import { ClusterChain } from './cluster-chain.js';
import { DirectoryStore } from './directory.js';
import { isSealed } from './exfat-boot.js';
import { ExfatEntries, nameHash } from './exfat-entries.js';
import { type ExfatVolume, openExfatVolume } from './exfat-volume.js';
import { ENTRY_SIZE } from './layout.js';
import { BOOT_REGION_SECTORS, CHECKSUM_SKIPS, StreamEntry } from './layout-exfat.js';
import { ClusterNode } from './node.js';
import { rootEntry } from './open.js';

const LIMITS = { maxDirEntries: 262_144, maxExtents: 1_048_576 };

/** Check an exFAT volume. @throws CorruptImageError, TruncatedImageError when it cannot even be opened */
export async function checkExfat(device: BlockDevice, findings: Findings): Promise<void> {
  const warn = (warning: { message: string }): void => findings.warning(warning.message);
  const opened = await openExfatVolume(device, LIMITS, { readonly: true, warn });
  await checkRegions(device, opened, findings);
  const { volume, geometry, records } = opened;
  const format = new ExfatEntries(opened.upcase, undefined, (position, reason) =>
    findings.error(`directory entry at byte ${position}: ${reason}`),
  );
  const store = new DirectoryStore(volume, format);
  const root = new ClusterNode(volume, 1, undefined, rootEntry(geometry.rootCluster));
  const claims = new ClusterClaims();
  const tree: TreeCheck = new TreeCheck(store, claims, findings, async (dir, entry, path) => {
    const set = await store.read(dir, entry.slot, entry.slotCount);
    if (StreamEntry.decode(set, ENTRY_SIZE).nameHash !== nameHash(format.fold(entry.name))) {
      findings.error(`${path}: the hash of its name does not fit`);
    }
    if (Number(StreamEntry.decode(set, ENTRY_SIZE).validDataLength) > entry.size) {
      findings.error(`${path}: more bytes are valid than it has`);
    }
    await claimExtra(store, tree, set, path);
  });
  await tree.claimChain(root.chain, 'root directory');
  if (records.bitmap !== undefined) {
    await tree.claimChain(new ClusterChain(volume, records.bitmap.firstCluster), 'allocation bitmap');
  }
  if (records.upcase !== undefined) {
    await tree.claimChain(new ClusterChain(volume, records.upcase.firstCluster), 'up-case table');
  }
  await tree.walk(root);
  const found = await compareUsage(
    volume,
    claims,
    (first, count) => volume.space.usage(first, count),
    (cluster) => isBad(opened, cluster),
  );
  if (found.lost > 0) findings.error(`${found.lost} clusters are in use but belong to nothing`);
  if (found.unmarked > 0) findings.error(`${found.unmarked} clusters in use are marked as free`);
}

async function isBad(opened: ExfatVolume, cluster: number): Promise<boolean> {
  return opened.volume.table.isBad(await opened.volume.table.get(cluster));
}

/** Both boot regions have a checksum that fits, and say the same. */
async function checkRegions(device: BlockDevice, opened: ExfatVolume, findings: Findings): Promise<void> {
  const { sectorSize } = opened.geometry;
  const length = BOOT_REGION_SECTORS * sectorSize;
  const [main, backup] = [await device.read(0, length), await device.read(length, length)];
  if (!isSealed(backup, sectorSize)) findings.warning('the checksum of the backup boot region does not fit');
  for (let i = 0; i < sectorSize; i++) {
    if (main[i] === backup[i] || CHECKSUM_SKIPS.includes(i)) continue;
    findings.warning('the backup boot region differs from the main one');
    return;
  }
  if (opened.backup) {
    throw new CorruptImageError({
      structure: 'exFAT boot region',
      reason: "the main boot region's checksum does not fit",
    });
  }
}
