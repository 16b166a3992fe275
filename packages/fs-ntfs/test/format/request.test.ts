import { MemoryDevice } from '@vmcraft/core/block';
import { CapabilityError, FsError, UsageError } from '@vmcraft/core/errors';
import { describe, expect, it } from 'vitest';
import { format } from '../../src/format/format.js';
import { checkRequest } from '../../src/format/request.js';

const MIB = 1024 * 1024;

describe('format', () => {
  it('refuses what does not fit, before anything is written', async () => {
    const device = new MemoryDevice(8 * MIB);
    const tries = [
      [{ blockSize: 3000 }, UsageError],
      [{ blockSize: 256 }, UsageError],
      [{ blockSize: 4 * MIB }, UsageError],
      [{ sectorSize: 8192 }, UsageError],
      [{ uuid: 'ABCD-1234' }, UsageError],
      [{ label: 'x'.repeat(129) }, FsError],
      [{ extra: { heads: 70_000 } }, UsageError],
      [{ blockSize: 2 * MIB }, FsError],
    ] as const;
    for (const [options, type] of tries) await expect(format(device, 'ntfs', options)).rejects.toThrow(type);
    await expect(format(device, 'ntfs4', {})).rejects.toThrow(UsageError);
    await expect(format(new MemoryDevice(MIB), 'ntfs', {})).rejects.toThrow(/more than 1 MiB/);
    await expect(format(new MemoryDevice(MIB, { writable: false }), 'ntfs', {})).rejects.toThrow(CapabilityError);
    expect(Buffer.compare(await device.read(0, 8 * MIB), Buffer.alloc(8 * MIB))).toBe(0);
  });

  it('is reproducible with a fixed time, and has a serial number of its own without', async () => {
    const make = async (now?: { sec: number; nsec: number }): Promise<Uint8Array> => {
      const device = new MemoryDevice(4 * MIB);
      await format(device, 'ntfs', now === undefined ? {} : { now });
      return device.read(0, 4 * MIB);
    };
    const now = { sec: 1_700_000_000, nsec: 123_456_700 };
    expect(Buffer.compare(await make(now), await make(now))).toBe(0);
    const serial = (data: Uint8Array): string => Buffer.from(data.subarray(72, 80)).toString('hex');
    expect(serial(await make())).not.toBe(serial(await make()));
  });

  it('takes clusters that can be counted with 32 bits', () => {
    const device = new MemoryDevice(2 ** 45 + MIB);
    expect(checkRequest(device, {}).clusterSize).toBe(16384);
    expect(() => checkRequest(device, { blockSize: 4096 })).toThrow(/too small/);
  });
});
