import { MemoryDevice } from '@vmcraft/core/block';
import { storageActivatorCompliance } from '@vmcraft/testkit';
import { describe, it } from 'vitest';
import { ldmActivator, MEMBER_TYPE } from '../src/index.js';
import { makeGroup, type VolumeRecipe } from './make-group.js';

const RECIPES: readonly VolumeRecipe[] = [
  { name: 'Volume1', kind: 'simple', disks: [0] },
  { name: 'Volume1', kind: 'spanned', disks: [0, 1] },
  { name: 'Stripe1', kind: 'striped', disks: [2, 1, 0] },
];

for (const recipe of RECIPES) {
  storageActivatorCompliance(
    { describe, it },
    {
      name: `LDM, ${recipe.kind}`,
      create: async () => {
        const { disks, volumes } = makeGroup([recipe]);
        const content = volumes.get(recipe.name)!;
        return {
          activator: ldmActivator,
          devices: disks.map((disk) => MemoryDevice.from(disk)),
          memberType: MEMBER_TYPE,
          volumes: { [`/dev/mapper/ldm_vol_WIN-Dg0_${recipe.name}`]: content },
          writable: true,
        };
      },
    },
  );
}

/** Of these, the pieces are volumes too. */
for (const [kind, columns] of [
  ['mirrored', 2],
  ['raid5', 3],
] as const) {
  storageActivatorCompliance(
    { describe, it },
    {
      name: `LDM, ${kind}`,
      create: async () => {
        const own = [0, 1, 2].slice(0, columns);
        const { disks, volumes } = makeGroup([{ name: 'Volume1', kind, disks: own }], columns);
        const data = (disk: number): Uint8Array => disks[disk]!.slice(63 * 512, (63 + 512) * 512);
        const pieces = own.map((disk) => [`/dev/mapper/ldm_part_WIN-Dg0_Disk${disk + 1}-01`, data(disk)] as const);
        return {
          activator: ldmActivator,
          devices: disks.map((disk) => MemoryDevice.from(disk)),
          memberType: MEMBER_TYPE,
          volumes: {
            '/dev/mapper/ldm_vol_WIN-Dg0_Volume1': volumes.get('Volume1')!,
            ...Object.fromEntries(pieces),
          },
          writable: true,
        };
      },
    },
  );
}
