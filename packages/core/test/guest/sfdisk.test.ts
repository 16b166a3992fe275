import { describe, expect, it } from 'vitest';
import { equalBytes } from '../../src/binary/index.js';
import { MemoryDevice } from '../../src/block/index.js';
import { applyScript, scsiGeometry } from '../../src/guest/sfdisk.js';
import { parseLine, parseSfdiskScript } from '../../src/guest/sfdisk-script.js';
import { readPartitionTable } from '../../src/partition/index.js';

const units = { sectorSize: 512, unit: 512 };

describe('a line for sfdisk', () => {
  it.each([
    [',', {}],
    [';', {}],
    ['2048,4096,L,*', { start: 2048, size: 4096, type: 0x83, bootable: true }],
    ['- 16MiB U', { size: 32768, type: 0xef }],
    ['100s,+,0x7', { start: 100, type: 7 }],
    ['/dev/sda1 : start= 2048, size= 1K, Id=83, bootable', { start: 2048, size: 2, type: 0x83, bootable: true }],
    ['size=+, name="a b"', { name: 'a b' }],
    ['type=0FC63DAF-8483-4772-8E79-3D69D8477DE4', { type: '0fc63daf-8483-4772-8e79-3d69d8477de4' }],
  ])('%s', (line, expected) => {
    expect(parseLine(line, units)).toEqual(expected);
  });

  it.each([
    ['x', "'x' is not a number"],
    ['1,2,zz', 'is not a partition type'],
    ['1,2,83,yes', 'is not * or -'],
    ['1,2,83,*,5,6', 'too many fields'],
    ['color=red', "unknown field 'color'"],
    ['1,999999999999P', 'too large'],
  ])('%s is refused', (line, message) => {
    expect(() => parseLine(line, units)).toThrow(message);
  });
});

describe('a script for sfdisk', () => {
  it('may name the label and have comments', () => {
    const script = parseSfdiskScript(['# a comment', 'label: gpt', 'unit: sectors', '', 'size=5\n,6'], units);
    expect(script).toEqual({ label: 'gpt', lines: [{ size: 5 }, { size: 6 }] });
    expect(() => parseSfdiskScript(['label: sun'], units)).toThrow('dos or gpt');
  });

  it('makes a GPT', async () => {
    const device = new MemoryDevice(16 << 20);
    await applyScript(device, parseSfdiskScript(['label: gpt', ',4096', ','], units));
    const table = await readPartitionTable(device);
    expect(table?.type).toBe('gpt');
    expect(table?.partitions.map((p) => [p.start / 512, p.size / 512])).toEqual([
      [2048, 4096],
      [6144, 32768 - 33 - 6144],
    ]);
  });

  it('costs nothing when it does not fit', async () => {
    const device = new MemoryDevice(16 << 20);
    await applyScript(device, parseSfdiskScript([','], units));
    const before = (await device.read(0, device.size)).slice();
    await expect(applyScript(device, parseSfdiskScript([',10', ',99999999'], units))).rejects.toThrow();
    await expect(applyScript(device, parseSfdiskScript([',10', ',10', ',10', ',10', ',10'], units))).rejects.toThrow(
      'all four primary partitions are in use',
    );
    expect(equalBytes(await device.read(0, device.size), before)).toBe(true);
  });
});

describe('the geometry of a disk', () => {
  it.each([
    [204_800, { cylinders: 1024, heads: 4, sectors: 50 }],
    [131_072, { cylinders: 1016, heads: 3, sectors: 43 }],
    [2 ** 32, { cylinders: 267_349, heads: 255, sectors: 63 }],
    [0, { cylinders: 0, heads: 255, sectors: 63 }],
  ])('%i sectors', (sectors, expected) => {
    expect(scsiGeometry(sectors)).toEqual(expected);
  });
});
