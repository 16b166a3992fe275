import { describe, expect, it } from 'vitest';
import { createHive, type HiveSource, openHive } from '../src/index.js';

const MIB = 1 << 20;

/** A hive of more than 100 MiB: products with values of 1 MiB, as programs store icons and licences there. */
async function largeHive(): Promise<Uint8Array> {
  const hive = await createHive();
  const vendor = await hive.root.createKey('Microsoft\\Windows NT\\CurrentVersion');
  await vendor.setValue('ProductName', 'REG_SZ', 'Windows Server 2022 Standard');
  const data = new Uint8Array(MIB).fill(7);
  for (let i = 0; i < 100; i++) {
    const key = await hive.root.createKey(`Classes\\Installer\\Products\\${i}`);
    await key.setValue('Icon', 'REG_BINARY', data);
  }
  await hive.commit();
  return hive.bytes();
}

describe('a hive of 100 MiB', () => {
  it('opens, and answers, by reading a few pages', { timeout: 120_000 }, async () => {
    const bytes = await largeHive();
    expect(bytes.length).toBeGreaterThan(100 * MIB);
    const reads: number[] = [];
    const source: HiveSource = {
      size: bytes.length,
      read: (offset, length) => {
        reads.push(length);
        return Promise.resolve(bytes.subarray(offset, offset + length));
      },
    };
    const sum = (): number => reads.reduce((total, length) => total + length, 0);
    const hive = await openHive(source);
    expect(sum()).toBeLessThan(MIB / 4);
    const key = await hive.key('microsoft\\windows nt\\currentversion');
    expect((await key?.value('productname'))?.data).toBe('Windows Server 2022 Standard');
    expect(sum()).toBeLessThan(MIB / 2);
    expect((await hive.key('Classes\\Installer\\Products'))?.name).toBe('Products');
    expect((await (await hive.key('Classes\\Installer\\Products\\42'))?.value('Icon'))?.size).toBe(MIB);
    expect(sum()).toBeLessThan(8 * MIB);
  });
});
