import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { MemoryDevice } from '@vmcraft/core/block';
import { nodeCiphers } from '@vmcraft/core/runtime';
import { requireTools } from '@vmcraft/testkit';
import { describe, expect, it } from 'vitest';
import { bitlockerActivator } from '../src/index.js';

const DATA = join(import.meta.dirname, '../../../../shared/data');

interface Entry {
  readonly name: string;
  readonly kind: string;
  readonly file: string;
  readonly opts: { readonly pass?: string };
  readonly oracle: {
    readonly bitlkDump: readonly string[];
    readonly plain?: { readonly sha256: string; readonly size: number };
  };
}

const load = (file: string): Uint8Array => new Uint8Array(gunzipSync(readFileSync(join(DATA, file))));

describe.runIf(requireTools(`data:${join(DATA, 'manifest.json')}`))('volumes made by Windows', () => {
  const manifest = JSON.parse(readFileSync(join(DATA, 'manifest.json'), 'utf8')) as Entry[];
  const volumes = manifest.filter((e) => e.kind === 'bitlocker');
  const context = { keys: { keysFor: async () => [] }, warn: () => undefined, ciphers: nodeCiphers };
  const open = (file: string, pass: string) => {
    const request = { deviceName: '/dev/sda', volumeName: 'plain', readonly: true };
    const key = new TextEncoder().encode(pass);
    return bitlockerActivator.containers!.open(MemoryDevice.from(load(file)), { ...request, key }, context);
  };

  it.each(volumes)('recognises $name', async ({ file, oracle }) => {
    const member = await bitlockerActivator.probe(MemoryDevice.from(load(file)));
    const fact = (name: string) => oracle.bitlkDump.find((l) => l.startsWith(`${name}:`))?.slice(name.length + 2);
    expect(member).toMatchObject({ type: 'BitLocker', uuid: fact('GUID'), label: fact('Description') });
  });

  it.each(volumes.filter((e) => e.oracle.plain !== undefined))(
    'decrypts $name to what the kernel decrypts it to',
    async ({ file, opts, oracle }) => {
      const { device } = await open(file, opts.pass!);
      expect(device.size).toBe(oracle.plain!.size);
      const data = await device.read(0, device.size);
      expect(createHash('sha256').update(data).digest('hex')).toBe(oracle.plain!.sha256);
      await expect(open(file, 'wrong')).rejects.toMatchObject({
        code: 'VMC_KEY_WRONG',
        message: expect.stringContaining('it is protected by password, recovery key'),
      });
    },
    60_000,
  );

  it.each(volumes.filter((e) => e.oracle.plain === undefined))('says that $name is cut short', async ({ file }) => {
    await expect(open(file, 'any')).rejects.toMatchObject({ code: 'VMC_TRUNCATED' });
  });
});
