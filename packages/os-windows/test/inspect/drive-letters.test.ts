import type { GuestFilesystem } from '@vmcraft/core';
import { encodeUtf8, encodeUtf16, fromHex } from '@vmcraft/core/binary';
import { createHive } from '@vmcraft/format-regf';
import { describe, expect, it } from 'vitest';
import { readDriveLetters } from '../../src/inspect/drive-letters.js';
import { HiveReader } from '../../src/inspect/hive-reader.js';

const GUID = '03020100-0504-0706-0809-0a0b0c0d0e0f';
const gptId = Uint8Array.from([...encodeUtf8('DMIO:ID:'), ...fromHex('000102030405060708090a0b0c0d0e0f')]);
const mbrId = fromHex('78563412 0000100000000000');

async function letters(values: Record<string, Uint8Array>, filesystems: readonly GuestFilesystem[]) {
  const hive = await createHive();
  const key = await hive.root.createKey('MountedDevices');
  for (const [name, data] of Object.entries(values)) await key.setValue(name, 'REG_BINARY', data);
  return readDriveLetters(new HiveReader(hive, 'SYSTEM', []), filesystems);
}

const filesystem = (more: Partial<GuestFilesystem>): GuestFilesystem => ({
  mountable: '/dev/sda1',
  type: 'ntfs',
  canMount: true,
  ...more,
});

describe('drive letters', () => {
  it('are found by disk signature and offset', async () => {
    const place = { disk: '/dev/sda', diskId: '12345678', offset: 1 << 20 };
    const drives = await letters({ '\\DosDevices\\C:': mbrId }, [
      filesystem({ mountable: '/dev/sda2', place: { ...place, offset: 512 } }),
      filesystem({ place }),
    ]);
    expect(drives).toEqual([
      { letter: 'C', kind: 'mbr', identity: 'signature 12345678, offset 1048576', device: '/dev/sda1' },
    ]);
  });

  it('are found by partition GUID, and name BitLocker until it is unlocked', async () => {
    const place = { disk: '/dev/sda', offset: 1 << 20, guid: GUID };
    const locked = filesystem({ type: 'BitLocker', canMount: false, place });
    expect(await letters({ '\\DosDevices\\c:': gptId }, [locked])).toEqual([
      { letter: 'C', kind: 'gpt', identity: GUID, device: '/dev/sda1', protection: 'bitlocker' },
    ]);
    const open = filesystem({ mountable: '/dev/mapper/c', place });
    expect((await letters({ '\\DosDevices\\C:': gptId }, [locked, open]))[0]).toMatchObject({
      device: '/dev/mapper/c',
    });
  });

  it('name volumes of dynamic disks, devices, and what nobody knows', async () => {
    const dynamic = filesystem({ type: 'LDM_member', canMount: false });
    const drives = await letters(
      {
        '\\DosDevices\\X:': Uint8Array.of(1, 2, 3),
        '\\DosDevices\\D:': gptId,
        '\\DosDevices\\E:': encodeUtf16('\\??\\SCSI#CdRom#x'),
        '\\??\\Volume{x}': mbrId,
        '\\DosDevices\\F:': Uint8Array.from([...encodeUtf8('DMIO:ID:'), ...new Uint8Array(20)]),
      },
      [dynamic],
    );
    expect(drives.map(({ letter, kind }) => [letter, kind])).toEqual([
      ['D', 'dynamic'],
      ['E', 'device'],
      ['F', 'dynamic'],
      ['X', 'unknown'],
    ]);
    expect(drives.every((d) => d.device === undefined)).toBe(true);
  });

  it('are found by the identifier of a volume on dynamic disks, in either order of its bytes', async () => {
    for (const volumeId of [GUID, '00010203-0405-0607-0809-0a0b0c0d0e0f']) {
      const volume = filesystem({ mountable: '/dev/mapper/ldm_vol_x_Volume1', volumeId });
      const found = { letter: 'C', kind: 'dynamic', identity: volumeId, device: '/dev/mapper/ldm_vol_x_Volume1' };
      expect(await letters({ '\\DosDevices\\C:': gptId }, [volume])).toEqual([found]);
      const broken = { ...volume, type: 'unknown', canMount: false };
      expect(await letters({ '\\DosDevices\\C:': gptId }, [broken])).toEqual([{ ...found, protection: 'dynamic' }]);
    }
  });
});
