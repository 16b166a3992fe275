import { supports } from '@vmcraft/core/contracts';
import { requireTools } from '@vmcraft/testkit';
import { afterAll, describe, expect, it } from 'vitest';
import { NtfsMount } from './ntfs-mount.js';
import { describeObject, generator, RandomChanges, type Writable } from './random-changes.js';
import { describeDifferences, type TreeEntry, treeOf } from './tree.js';
import { complaints, findingsIn, NtfsWorkspace, openNtfs, type VolumeShape } from './workspace.js';

const MIB = 1024 * 1024;
const STEPS = 2500;
/** The volume is closed and opened again this often. */
const SESSIONS = 5;

const SHAPES: readonly VolumeShape[] = [
  { size: 64 * MIB, cluster: 4096 },
  { size: 48 * MIB, cluster: 512 },
  { size: 96 * MIB, cluster: 4096, sector: 4096 },
  { size: 160 * MIB, cluster: 65536, sector: 2048 },
  { size: 3072 * MIB, cluster: 2 * MIB, sector: 4096 },
  // So small that it is full most of the time.
  { size: 5 * MIB, cluster: 1024 },
  { size: 5 * MIB, cluster: 512 },
  { size: 6 * MIB, cluster: 4096 },
];

const tools = requireTools('root', 'python3', 'mkntfs', 'ntfs-3g', 'ntfsfix', 'ntfsinfo', 'ntfscluster');

/** A listing in the words of the model. */
function summary(tree: readonly TreeEntry[]): Map<string, string> {
  const out = new Map<string, string>();
  for (const entry of tree) {
    const type = entry.mode & 0o170000;
    const kind = type === 0o040000 ? 'dir' : type === 0o120000 ? 'link' : 'file';
    const streams = kind === 'link' ? {} : entry.xattrs;
    out.set(entry.path, describeObject(kind, entry.digest ?? '', entry.target ?? '', streams, entry.nlink));
  }
  return out;
}

function differences(found: ReadonlyMap<string, string>, expected: ReadonlyMap<string, string>): string[] {
  const out: string[] = [];
  for (const path of new Set([...found.keys(), ...expected.keys()])) {
    if (found.get(path) !== expected.get(path)) out.push(`${path}: ${found.get(path)}, not ${expected.get(path)}`);
  }
  return out.slice(0, 5);
}

describe.runIf(tools)('thousands of random changes', () => {
  const space = new NtfsWorkspace();
  afterAll(() => space.remove());

  it.each(SHAPES.map((shape, i) => [shape.cluster, shape.sector ?? 512, shape, i + 1] as const))(
    'clusters of %i, sectors of %i',
    async (_, __, shape, seed) => {
      const image = space.mkntfs('image', shape);
      let changes: RandomChanges | undefined;
      for (let session = 0; session < SESSIONS; session++) {
        const { fs, close } = await openNtfs(image, { readonly: false });
        expect(supports(fs, 'write') && supports(fs, 'xattr')).toBe(true);
        const next = new RandomChanges(fs as Writable, generator(seed * 1000 + session));
        if (changes !== undefined) next.refused = changes.refused;
        if (changes !== undefined) for (const [path, model] of changes.objects) next.objects.set(path, model);
        changes = next;
        for (let step = 0; step < STEPS / SESSIONS; step++) await changes.step();
        await close();
        expect(complaints(image)).toEqual([]);
        expect(await findingsIn(image)).toEqual([]);
      }
      expect(changes!.refused.has('ENOSPC')).toBe(shape.size < 8 * MIB);
      const { fs, close } = await openNtfs(image);
      const ours = await treeOf(fs);
      await close();
      expect(differences(summary(ours), changes!.expected())).toEqual([]);
      const mount = await NtfsMount.open(image, 'ro');
      const theirs = mount.tree();
      await mount.close();
      const skip = { fields: ['target', 'size'] as const };
      const plain = ({ mode }: TreeEntry): boolean => (mode & 0o170000) === 0o100000;
      expect(describeDifferences(ours.filter(plain), theirs.filter(plain))).toEqual([]);
      expect(
        describeDifferences(
          ours.filter((e) => !plain(e)),
          theirs.filter((e) => !plain(e)),
          skip,
        ),
      ).toEqual([]);
    },
    120_000,
  );
});
