import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeEowVolume } from '../../packages/storage-bitlocker/test/make-eow.js';
import { makeVolume, plainVolume } from '../../packages/storage-bitlocker/test/make-volume.js';
import { makeGroup } from '../../packages/storage-ldm/test/make-group.js';
import type { Sample } from './fuzz-group.js';

/** Make all samples below `folder`. */
export async function makeWindowsStorageCorpus(folder: string): Promise<Sample[]> {
  const samples: Sample[] = [];
  const add = (name: string, kind: string, data: Uint8Array): void => {
    const path = join(folder, name);
    writeFileSync(path, data);
    samples.push({ name, kind, format: 'raw', path });
  };
  for (const layout of ['vista', 'seven', 'togo'] as const) {
    const { image } = await makeVolume({ plain: plainVolume(0x120000), method: 0x8000, layout, validation: 1 });
    add(`bitlocker-${layout}`, 'bitlocker', image);
  }
  const recipe = { plain: plainVolume(0x120000), method: 0x8004, validation: 1 } as const;
  add('bitlocker-eow', 'bitlocker', (await makeEowVolume(recipe, (chunk) => chunk % 3 > 0)).image);
  const { disks } = makeGroup(
    [
      { name: 'Volume1', kind: 'simple', disks: [0] },
      { name: 'Mirror1', kind: 'mirrored', disks: [0, 1] },
      { name: 'Raid1', kind: 'raid5', disks: [2, 0, 1] },
      {
        name: 'A name that takes its record beyond one piece, as Windows would never do it',
        kind: 'striped',
        disks: [0, 1],
      },
    ],
    3,
  );
  add('ldm', 'ldm', disks[0]!);
  return samples;
}
