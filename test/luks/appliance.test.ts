import { execFileSync } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MemoryDevice } from '@vmcraft/core';
import { nodeCiphers } from '@vmcraft/core/runtime';
import { luksActivator } from '@vmcraft/storage-luks';
import { pattern, requireTools } from '@vmcraft/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GuestFS } from 'vmcraft';

const MiB = 1 << 20;
const MINUTE = 60_000;
const CHEAP = { pbkdf: 'argon2id', iterations: 4, memory: 64, cpus: 1, digestIterations: 1000 };
const text = (secret: string): Uint8Array => new TextEncoder().encode(secret);

/** What dm-crypt of a real kernel reads and writes. */
describe.runIf(requireTools('guestfish', 'e2fsck'))('LUKS2 through the kernel of an appliance', () => {
  let folder: string;
  const at = (name: string): string => join(folder, name);

  async function makeOurs(name: string, cipher: string, sectorSize: number): Promise<void> {
    const device = new MemoryDevice(48 * MiB);
    const context = { keys: { keysFor: async () => [] }, warn: () => undefined, ciphers: nodeCiphers };
    const randomBytes = (length: number): Uint8Array => randomFillSync(new Uint8Array(length));
    const request = { key: text('secret'), slot: 0, cipher, extra: { ...CHEAP, sectorSize }, randomBytes };
    await luksActivator().containers?.format?.(device, request, context);
    writeFileSync(at(name), await device.read(0, device.size));
    await using g = await GuestFS.open(at(name), { format: 'raw', keys: ['secret'] });
    const [volume = ''] = await g.listDmDevices();
    await g.mkfs('ext4', volume);
    await g.mount(volume, '/');
    await g.write('/ours', pattern(2 * MiB, 3));
  }

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'vmcraft-appliance-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it(
    'each reads what the other wrote',
    async () => {
      await makeOurs('xts', 'aes-xts-plain64', 512);
      await makeOurs('large', 'aes-xts-plain64', 4096);
      await makeOurs('cbc', 'aes-cbc-essiv:sha256', 512);
      writeFileSync(at('data'), pattern(MiB, 9));
      const visit = (disk: string): string =>
        `luks-open /dev/${disk} ${disk}c\nsecret\nmount /dev/mapper/${disk}c /\nchecksum md5 /ours\nupload ${at('data')} /theirs\numount /\nluks-close /dev/mapper/${disk}c\n`;
      // With -f, guestfish reads keys from the script, too.
      const script = `run\n${visit('sda')}${visit('sdb')}${visit('sdc')}`;
      writeFileSync(at('script'), script);
      const drives = ['xts', 'large', 'cbc'].flatMap((name) => ['--format=raw', '-a', at(name)]);
      const said = execFileSync('guestfish', ['--keys-from-stdin', ...drives, '-f', at('script')], {
        encoding: 'utf8',
        env: { ...process.env, LIBGUESTFS_BACKEND: 'direct', LIBGUESTFS_BACKEND_SETTINGS: 'force_tcg' },
        timeout: 10 * MINUTE,
      });
      writeFileSync(at('ours'), pattern(2 * MiB, 3));
      const sum = execFileSync('md5sum', [at('ours')], { encoding: 'utf8' }).slice(0, 32);
      expect(said.trim().split('\n')).toEqual([sum, sum, sum]);
      for (const name of ['xts', 'large', 'cbc']) {
        await using g = await GuestFS.open(at(name), { format: 'raw', readonly: true, keys: ['secret'] });
        const [volume = ''] = await g.listDmDevices();
        expect(await g.fsck('ext4', volume), name).toBe(0);
        await g.mountRo(volume, '/');
        expect(Buffer.compare(await g.readFile('/theirs'), readFileSync(at('data'))), name).toBe(0);
      }
    },
    15 * MINUTE,
  );
});
