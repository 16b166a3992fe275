import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { requireTools } from '@vmcraft/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GuestFS } from 'vmcraft';
import { makeBek, makeVolume, VOLUME_ID } from '../../packages/storage-bitlocker/test/make-volume.js';
import { cli } from '../cli/run-cli.js';

const BEK_ID = '7b2f3e66-0001-4c0f-9d3a-5d6f0a1b2c3d';
const MAPPER = `/dev/mapper/bitlk-${VOLUME_ID}`;

describe.runIf(requireTools('mkfs.fat', 'mcopy'))('BitLocker in a session', () => {
  let folder: string;
  const path = (name: string): string => join(folder, name);

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'vmcraft-bitlocker-'));
    writeFileSync(path('plain'), '');
    truncateSync(path('plain'), 2 << 20);
    execFileSync('mkfs.fat', ['-n', 'INSIDE', path('plain')]);
    writeFileSync(path('hello'), 'world\n');
    execFileSync('mcopy', ['-i', path('plain'), path('hello'), '::hello']);
    const plain = new Uint8Array(readFileSync(path('plain')));
    const protectors = [{ kind: 'tpm' }, { kind: 'bek', id: BEK_ID }] as const;
    const { image } = await makeVolume({ plain, method: 0x8004, protectors });
    writeFileSync(path('locked'), image);
    writeFileSync(path('suspended'), (await makeVolume({ plain, method: 0x8003 })).image);
    writeFileSync(path('key.BEK'), makeBek(BEK_ID));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('comes up with a key for the device or its identifier; without one the ways in are told', async () => {
    // A Buffer, whose bytes stay the caller's when the session overwrites its own.
    const key = readFileSync(path('key.BEK'));
    for (const selector of ['/dev/sda', VOLUME_ID]) {
      const keys = { [selector]: key };
      await using g = await GuestFS.open(path('locked'), { readonly: true, format: 'raw', keys });
      expect(await g.listFilesystems()).toEqual({ '/dev/sda': 'BitLocker', [MAPPER]: 'vfat' });
      await g.mountRo(MAPPER, '/');
      expect(await g.read('/hello')).toBe('world\n');
    }
    expect(Buffer.compare(key, readFileSync(path('key.BEK')))).toBe(0);
    await using g = await GuestFS.open(path('locked'), { readonly: true, format: 'raw' });
    expect(g.session.warnings.map((w) => w.message)).toEqual([
      expect.stringContaining('/dev/sda: a key is required (it is protected by TPM, startup key)'),
    ]);
    await expect(g.cryptsetupOpen('/dev/sda', 'nonsense', 'x')).rejects.toMatchObject({ code: 'VMC_KEY_WRONG' });
  });

  it('a suspended volume needs no key, and gives way to a name that is asked for', async () => {
    await using g = await GuestFS.open(path('suspended'), { readonly: true, format: 'raw' });
    expect(await g.listFilesystems()).toMatchObject({ [MAPPER]: 'vfat' });
    await g.cryptsetupOpen('/dev/sda', '', 'mine', { readonly: true, crypttype: 'bitlk' });
    expect(await g.listFilesystems()).toMatchObject({ '/dev/mapper/mine': 'vfat' });
    await g.cryptsetupClose('/dev/mapper/mine');
  });

  it('a removable volume on a whole disk is one, though its boot sector could pass for a partition table', async () => {
    const plain = new Uint8Array(readFileSync(path('plain')));
    writeFileSync(path('togo'), (await makeVolume({ plain, method: 0x8002, layout: 'togo' })).image);
    await using g = await GuestFS.open(path('togo'), { readonly: true, format: 'raw' });
    expect(await g.listPartitions()).toEqual([]);
    expect(await g.listFilesystems()).toMatchObject({ [MAPPER]: 'vfat' });
  });

  it('the command line takes a startup key file', async () => {
    const args = ['cat', path('locked'), '/hello', '-m', MAPPER, '--key', `/dev/sda:file:${path('key.BEK')}`];
    expect(await cli(args)).toMatchObject({ stdout: 'world\n', status: 0 });
  });
});
