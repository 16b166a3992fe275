import { execFileSync, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { requireTools } from '@vmcraft/testkit';
import { afterAll, describe, expect, it } from 'vitest';
import type { GuestFS } from 'vmcraft';
import { Disks } from './members.js';

const MIB = 1 << 20;
const MINUTE = 60_000;

/** Written while all members are there. */
const WHOLE = [
  ...['linear-12', 'raid0-zones-original', 'raid0-zones-alternate', 'raid1-12', 'raid1-090', 'raid4-12', 'raid5-090'],
  ...['raid5-12', 'raid5-right-asymmetric', 'raid6-ddf-N-continue', 'raid6-left-symmetric-6', 'raid6-parity-first'],
  ...['raid10-12', 'raid10-f2-3', 'raid10-o2-4', 'raid5-bitmap', 'raid10-bitmap', 'raid5-dirty', 'raid5-ppl'],
];
/** Written without the first member, which md then is given too. */
const DEGRADED = [
  'raid1-10',
  'raid5-10',
  'raid5-left-symmetric',
  'raid6-parity-last',
  'raid10-n3',
  'raid4-090',
  'raid10-11',
];
/** The same, and md re-adds the first member by the bitmap. */
const READDED = ['raid1-bitmap', 'raid6-bitmap'];
/** Made by md_create: level and number of disks. */
const MADE: readonly (readonly [level: string, count: number])[] = [
  ['linear', 2],
  ['raid0', 3],
  ['raid1', 2],
  ['raid5', 3],
  ['raid6', 4],
  ['raid10', 4],
];

/** Run in the appliance, below the folder with the disks: NAME MODE; prints NAME HASH MISMATCHES. */
const SCRIPT = `
cd /sysroot
export MDADM_NO_UDEV=1
settle() { for i in $(seq 300); do [ "$(cat /sys/block/md90/md/sync_action)" = idle ] && return; sleep 0.1; done; }
while read -r name mode; do
  loops=""
  for image in $name-?.img; do loops="$loops $(losetup -f --show $image)"; done
  # The appliance brings arrays without a host in their name up by itself.
  udevadm settle; mdadm --stop --scan --quiet 2> /dev/null
  for loop in $loops; do mdadm --examine $loop > /tmp/examined 2>&1 || echo "$name: $(cat /tmp/examined)"; grep -q 'Checksum : [0-9a-f]* - correct' /tmp/examined || echo "$name: wrong checksum"; done
  set -- $loops
  if [ $mode = readded ]; then first=$1; shift; fi
  mdadm --assemble --run --quiet /dev/md90 "$@" > /tmp/said 2>&1 || cat /tmp/said
  [ $mode != readded ] || { mdadm --readwrite /dev/md90; mdadm --quiet /dev/md90 --re-add $first || echo "$name: not re-added"; settle; }
  mismatches=-
  if [ -e /sys/block/md90/md/sync_action ] && [ $mode != degraded ]; then
    mdadm --readwrite /dev/md90 2> /dev/null; sleep 0.3; settle
    echo check > /sys/block/md90/md/sync_action; settle; mismatches=$(cat /sys/block/md90/md/mismatch_cnt)
  fi
  echo "$name $(sha256sum < /dev/md90 | cut -d' ' -f1) $mismatches"
  mdadm --stop --quiet /dev/md90 > /tmp/said 2>&1 || cat /tmp/said
  for loop in $loops; do losetup -d $loop; done
done < list
cd /
`;

describe.runIf(requireTools('guestfish', 'mdadm', 'mke2fs'))('md of a real kernel', () => {
  const disks = new Disks();
  afterAll(() => disks[Symbol.dispose]());

  async function scribble(g: GuestFS): Promise<string> {
    const [array = ''] = await g.listMdDevices();
    const size = await g.blockdevGetsize64(array);
    for (const [i, [at, length]] of [
      [0, 700],
      [5000, 100],
      [12_000, 30_000],
      [65_536, 49_152],
      [150_001, 7],
    ].entries()) {
      await g.pwriteDevice(
        array,
        Uint8Array.from({ length: length! }, (_, n) => (n * 7 + i) & 0xff),
        at!,
      );
    }
    await g.pwriteDevice(array, new Uint8Array(6000).fill(9), size - 6000);
    return g.checksumDevice('sha256', array);
  }

  it(
    'accepts and checks what was written here',
    async () => {
      const expected: string[] = [];
      const list: string[] = [];
      const add = (name: string, mode: string, hash: string): void => {
        list.push(`${name} ${mode}`);
        expected.push(`${name} ${hash} ${/^(linear|raid0)/.test(name) || mode === 'degraded' ? '-' : '0'}`);
      };
      for (const name of WHOLE) add(name, 'whole', await disks.with(disks.fixture(name), scribble));
      for (const [names, mode] of [
        [DEGRADED, 'degraded'],
        [READDED, 'readded'],
      ] as const) {
        for (const name of names) add(name, mode, await disks.with(disks.fixture(name).slice(1), scribble));
      }
      for (const [level, count] of MADE) {
        const name = `${level}-made`;
        const given = Array.from({ length: count }, (_, i) => disks.empty(`${name}-${i + 1}.img`, 3 * MIB));
        const devices = given.map((_, i) => `/dev/sd${'abcd'[i]}`);
        await disks.with(given, (g) => g.mdCreate('made', devices, { level, chunk: 65_536 }));
        add(name, 'whole', await disks.with(given, scribble));
      }
      writeFileSync(join(disks.folder, 'list'), `${list.join('\n')}\n`);
      writeFileSync(join(disks.folder, 'check.sh'), SCRIPT);
      const out = new Disks();
      try {
        const image = out.empty('all.img', 128 * MIB);
        execFileSync('mke2fs', ['-q', '-t', 'ext2', '-d', disks.folder, image]);
        const { stdout } = spawnSync(
          'guestfish',
          [
            '--format=raw',
            '-a',
            image,
            'run',
            ':',
            'mount',
            '/dev/sda',
            '/',
            ':',
            'debug',
            'sh',
            'bash /sysroot/check.sh',
          ],
          {
            encoding: 'utf8',
            env: {
              ...process.env,
              LIBGUESTFS_BACKEND: 'direct',
              LIBGUESTFS_BACKEND_SETTINGS: 'force_tcg',
            },
            timeout: 12 * MINUTE,
          },
        );
        expect(stdout.trim().split('\n')).toEqual(expected);
      } finally {
        out[Symbol.dispose]();
      }
    },
    15 * MINUTE,
  );
});
