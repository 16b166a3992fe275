import { requireTools } from '@vmcraft/testkit';
import { afterAll, describe, expect, it } from 'vitest';
import { NtfsMount } from './ntfs-mount.js';
import { describeDifferences, type TreeEntry, treeOf } from './tree.js';
import { complaints, findingsIn, NtfsWorkspace, openNtfs, type VolumeShape } from './workspace.js';

const MIB = 1024 * 1024;

const SHAPES: readonly VolumeShape[] = [
  { size: 96 * MIB, cluster: 4096 },
  { size: 64 * MIB, cluster: 512 },
  { size: 64 * MIB, cluster: 1024, sector: 1024 },
  { size: 128 * MIB, cluster: 4096, sector: 4096 },
  { size: 256 * MIB, cluster: 65536, sector: 2048 },
  { size: 3072 * MIB, cluster: 2 * MIB, sector: 4096 },
];

const describeShape = ({ size, cluster, sector = 512 }: VolumeShape): string =>
  `${size / MIB} MiB, clusters of ${cluster}, sectors of ${sector}`;

/** Extended attributes that `getfattr` does not list. */
const SYSTEM = [
  'acl',
  'attrib',
  'attrib_be',
  'times',
  'times_be',
  'crtime',
  'crtime_be',
  'reparse_data',
  'object_id',
  'dos_name',
  'ea',
].map((name) => `system.ntfs_${name}`);

/**
 * What ntfs-3g does not say the same way each time: the size of a directory depends on what was looked at before, and the target of a
 * junction begins with the mount point.
 */
function withoutQuirks(tree: readonly TreeEntry[]): TreeEntry[] {
  return tree.map((entry) => {
    if ((entry.mode & 0o170000) === 0o040000) return { ...entry, size: 0 };
    const drive = entry.target?.indexOf('/Windows') ?? -1;
    return drive < 0 ? entry : { ...entry, size: 0, target: entry.target?.slice(drive) ?? '' };
  });
}

const tools = requireTools('root', 'python3', 'mkntfs', 'ntfs-3g', 'ntfsfix', 'ntfsinfo', 'ntfscluster');

describe.runIf(tools)('volumes filled by ntfs-3g', () => {
  const space = new NtfsWorkspace();
  afterAll(() => space.remove());

  it.each(SHAPES.map((shape) => [describeShape(shape), shape] as const))(
    '%s',
    async (_, shape) => {
      const image = space.mkntfs('image', shape);
      await NtfsMount.with(image, ['compression'], (mount) => mount.run('fill', `${shape.cluster}`));
      await NtfsMount.with(image, ['streams_interface=windows'], (mount) => mount.run('fill-streams'));
      const theirs = await NtfsMount.with(image, ['ro'], (mount) => mount.tree(...SYSTEM));
      const { fs, close } = await openNtfs(image);
      const ours = await treeOf(fs, ...SYSTEM);
      await close();
      expect(theirs.length).toBeGreaterThan(2000);
      expect(describeDifferences(withoutQuirks(ours), withoutQuirks(theirs))).toEqual([]);
      expect(complaints(image)).toEqual([]);
      expect(await findingsIn(image)).toEqual([]);
    },
    180_000,
  );
});
