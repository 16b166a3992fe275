import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MemoryDevice } from '@vmcraft/core/block';
import type { Volume, Warning } from '@vmcraft/core/contracts';
import { requireTools } from '@vmcraft/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ldmActivator } from '../src/index.js';
import { DISK_SECTORS, diskId, GROUP_ID, type Group, makeGroup, type VolumeRecipe } from './make-group.js';

const RECIPES: readonly VolumeRecipe[] = [
  { name: 'Volume1', kind: 'simple', disks: [0] },
  { name: 'Volume2', kind: 'spanned', disks: [0, 1] },
  { name: 'Stripe1', kind: 'striped', disks: [1, 2] },
  { name: 'Mirror1', kind: 'mirrored', disks: [0, 2] },
  { name: 'Raid1', kind: 'raid5', disks: [2, 0, 1] },
];
const ALL = [0, 1, 2];

async function activate(
  disks: readonly (Uint8Array | MemoryDevice)[],
): Promise<{ volumes: ReadonlyMap<string, Volume>; warnings: readonly string[] }> {
  const warnings: string[] = [];
  const members = await Promise.all(
    disks.map(async (disk, i) => {
      const device = disk instanceof MemoryDevice ? disk : MemoryDevice.from(disk);
      return { ...(await ldmActivator.probe(device))!, deviceName: `/dev/sd${i}` };
    }),
  );
  const warn = (w: Warning): unknown => warnings.push(w.message);
  const volumes = await ldmActivator.activate(members, { keys: { keysFor: async () => [] }, warn });
  return { volumes: new Map(volumes.map((v) => [v.name.replace('/dev/mapper/ldm_vol_WIN-Dg0_', ''), v])), warnings };
}

const contents = async ({ device }: Volume): Promise<Uint8Array> => device.read(0, device.size);

describe('dynamic disks', () => {
  const group: Group = makeGroup(RECIPES);
  const subset = (own: readonly number[]): Uint8Array[] => own.map((d) => group.disks[d]!.slice());

  it('shows every kind of volume with its contents', async () => {
    const { volumes, warnings } = await activate(subset(ALL));
    expect(warnings).toEqual([]);
    const kinds = [...volumes.values()].filter((v) => v.isPiece !== true).map((v) => v.kind);
    expect(kinds).toEqual(RECIPES.map((r) => `ldm-${r.kind}`));
    for (const [name, content] of group.volumes) {
      expect(Buffer.compare(await contents(volumes.get(name)!), content)).toBe(0);
    }
  });

  it.each(ALL)('without disk %i: redundancy makes up for it, else disk and volume are named', async (lost) => {
    const { volumes, warnings } = await activate(subset(ALL.filter((d) => d !== lost)));
    for (const { name, kind, disks } of RECIPES) {
      const volume = volumes.get(name)!;
      if (kind === 'raid5' || kind === 'mirrored' || !disks.includes(lost)) {
        expect(Buffer.compare(await contents(volume), group.volumes.get(name)!)).toBe(0);
        continue;
      }
      const message = `LDM volume ${name}: disk Disk${lost + 1} (${diskId(lost)}) of it is missing`;
      await expect(contents(volume)).rejects.toThrow(message);
      expect(warnings.filter((w) => w.includes(message))).toHaveLength(1);
    }
  });

  it('two disks of a RAID-5 are too many', async () => {
    const { volumes } = await activate(subset([0]));
    await expect(contents(volumes.get('Raid1')!)).rejects.toThrow('Disk3');
    expect(Buffer.compare(await contents(volumes.get('Volume1')!), group.volumes.get('Volume1')!)).toBe(0);
  });

  it('what is written is on all legs, and parity agrees', async () => {
    const disks = subset(ALL).map((disk) => MemoryDevice.from(disk));
    const { volumes } = await activate(disks);
    for (const name of group.volumes.keys()) {
      await volumes.get(name)!.device.write(70_001, Buffer.from('written'));
    }
    for (const own of [
      [0, 2],
      [1, 2],
      [0, 1],
    ]) {
      const { volumes: again } = await activate(own.map((d) => disks[d]!));
      for (const name of ['Mirror1', 'Raid1']) {
        expect(Buffer.from(await again.get(name)!.device.read(70_001, 7)).toString()).toBe('written');
      }
    }
  });

  it('a disk that was away is not used, and the newest database counts', async () => {
    const stale = makeGroup(RECIPES, 3, 6).disks[2]!;
    const { warnings, volumes } = await activate([group.disks[0]!, group.disks[1]!, stale]);
    expect(warnings[0]).toBe('/dev/sd2 was away while its disk group changed: it is not used');
    await expect(contents(volumes.get('Stripe1')!)).rejects.toThrow('Disk3');
  });

  it('damage is an error, never a guess', async () => {
    const config = (DISK_SECTORS - 2048) * 512;
    const vmdb = config + 17 * 512;
    for (const at of [
      vmdb,
      vmdb + 8,
      vmdb + 12,
      vmdb + 19,
      vmdb + 17,
      vmdb + 136,
      vmdb + 512 + 16 + 3,
      vmdb + 512 + 12,
    ]) {
      const disk = group.disks[0]!.slice();
      disk[at] = 0x77;
      await expect(activate([disk])).rejects.toMatchObject({ code: expect.stringMatching(/CORRUPT|UNSUPPORTED/) });
    }
    for (const at of [48, 176, 299]) {
      const disk = group.disks[0]!.slice();
      disk[6 * 512 + at] = 0x77;
      await expect(ldmActivator.probe(MemoryDevice.from(disk))).rejects.toMatchObject({ code: 'VMC_CORRUPT' });
    }
  });
});

describe.runIf(requireTools('ldmtool'))('ldmtool as judge', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'vmcraft-ldm-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('sees the same volumes, of the same kinds and sizes', async () => {
    const { disks } = makeGroup(RECIPES);
    const files = disks.map((disk, d) => {
      const path = join(folder, `disk${d}`);
      writeFileSync(path, disk);
      return path;
    });
    const { volumes } = await activate(disks);
    for (const { name, kind } of RECIPES) {
      const input = `scan ${files.join(' ')}\nshow volume ${GROUP_ID} ${name}\n`;
      const out = execFileSync('ldmtool', { input, encoding: 'utf8', stdio: ['pipe', 'pipe', 'ignore'] });
      const shown = JSON.parse(out.slice(out.indexOf('{'), out.lastIndexOf('}') + 1)) as { readonly type: string };
      const { device, uuid } = volumes.get(name)!;
      expect(shown).toMatchObject({ name, guid: uuid, size: device.size / 512 });
      expect(shown.type.toLowerCase()).toBe(kind);
    }
  });
});
