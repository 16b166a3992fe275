import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { MemoryDevice } from '@vmcraft/core/block';
import { nodeCiphers } from '@vmcraft/core/runtime';
import { requireTools } from '@vmcraft/testkit';
import { describe, expect, it } from 'vitest';
import { luksActivator } from '../src/activator.js';

const DATA = join(import.meta.dirname, '../../../../shared/data');

interface Entry {
  readonly name: string;
  readonly file: string;
  readonly opts?: { readonly pass?: string; readonly keyfile?: string };
  readonly oracle?: {
    readonly blkid?: Readonly<Record<string, string>>;
    readonly luksDump?: { readonly version: string; readonly uuid: string };
    readonly plain?: { readonly sha256: string; readonly size: number };
  };
}

const load = (file: string): Uint8Array => {
  const data = readFileSync(join(DATA, file));
  return new Uint8Array(file.endsWith('.gz') ? gunzipSync(data) : data);
};

describe.runIf(requireTools(`data:${join(DATA, 'manifest.json')}`))('containers made by other programs', () => {
  const manifest = JSON.parse(readFileSync(join(DATA, 'manifest.json'), 'utf8')) as Entry[];
  const containers = manifest.filter((e) => e.oracle?.blkid?.TYPE === 'crypto_LUKS');

  it.each(containers)('recognises $name', async ({ file, oracle }) => {
    const member = await luksActivator().probe(MemoryDevice.from(load(file)));
    const { UUID, LABEL } = oracle!.blkid!;
    expect(member).toMatchObject({ type: 'crypto_LUKS', uuid: UUID, groupId: UUID });
    expect(member?.label).toBe(LABEL);
  });

  it.each(containers.filter((e) => e.oracle?.plain !== undefined))('decrypts $name', async ({ file, opts, oracle }) => {
    const device = MemoryDevice.from(load(file));
    const key = opts?.keyfile === undefined ? new TextEncoder().encode(opts?.pass) : load(opts.keyfile);
    const volume = await luksActivator().containers!.open(
      device,
      { deviceName: '/dev/sda', key, volumeName: 'plain', readonly: true },
      { keys: { keysFor: async () => [] }, warn: () => undefined, ciphers: nodeCiphers },
    );
    expect(volume.device.size).toBe(oracle!.plain!.size);
    const data = await volume.device.read(0, volume.device.size);
    expect(createHash('sha256').update(data).digest('hex')).toBe(oracle!.plain!.sha256);
  });
});
