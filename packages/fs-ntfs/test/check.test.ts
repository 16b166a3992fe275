import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MemoryDevice } from '@vmcraft/core/block';
import { S_IFREG, supports } from '@vmcraft/core/contracts';
import { requireTools } from '@vmcraft/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { complaints } from '../../../test/ntfs/workspace.js';
import { ntfsDriver } from '../src/index.js';
import { AttributeType, SystemFile } from '../src/layout.js';
import { attributeAt, Damage, valueAt } from './damage.js';
import { at, DIR, FILE, mkntfs, openWritable, pattern, saveImage } from './support.js';

const MIB = 1024 * 1024;
const TYPE = AttributeType;
const STREAMS = 40;

/** Records of what is on the volume. */
interface Places {
  readonly dir: number;
  readonly inner: number;
  readonly data: number;
  readonly other: number;
  readonly linked: number;
  readonly spilled: number;
}

/** One kind of damage. */
interface Case {
  readonly does: (damage: Damage, places: Places) => Promise<void>;
  /** What is found. */
  readonly finds: RegExp;
  /** Whether a tool of ntfs-3g sees it; none of them looks at directories, links and descriptors as a whole. */
  readonly tools: boolean;
  /** It does no harm. */
  readonly warns?: true;
}

const flip = (byte: number): number => byte ^ 0xff;

const CASES: Readonly<Record<string, Case>> = {
  'a mirrored record that differs': {
    does: (d) => {
      const { mftMirrorLcn, clusterSize, recordSize } = d.volume.geometry;
      const position = mftMirrorLcn * clusterSize + SystemFile.volume * recordSize;
      return d.protectedBytes(position, recordSize, (view) =>
        view.setUint8(valueAt(view, TYPE.volumeInformation) + 8, 1),
      );
    },
    finds: /\$MFTMirr: record 3 differs/,
    tools: true,
  },
  'a record torn in two': {
    does: async (d, { data }) => {
      const { position } = d.volume.mft.pieces(data)[0]!;
      await d.device.write(position + 510, Uint8Array.of(0x77, 0x88));
    },
    finds: /update sequence number of sector 0/,
    tools: true,
  },
  'a cluster of nobody': {
    does: async (d) => {
      const { totalClusters } = d.volume.geometry;
      const bitmap = (await d.load(SystemFile.bitmap)).require(TYPE.data);
      await d.byte(bitmap, (totalClusters >> 3) - 30, (byte) => byte | 4);
    },
    finds: /1 cluster\(s\) \(\d+\) are in use in \$Bitmap, but belong to no file/,
    tools: true,
  },
  'a cluster of a file that is free': {
    does: async (d, { data }) => {
      const { lcn } = (await d.load(data)).require(TYPE.data).nonResident!.runs.runs[0]!;
      const bitmap = (await d.load(SystemFile.bitmap)).require(TYPE.data);
      await d.byte(bitmap, lcn >> 3, (byte) => byte & ~(1 << (lcn & 7)));
    },
    finds: /1 cluster\(s\) \(\d+\) are in use, but free in \$Bitmap/,
    tools: true,
  },
  'clusters of two files': {
    does: async (d, { data, other }) => {
      const { lcn } = (await d.load(data)).require(TYPE.data).nonResident!.runs.runs[0]!;
      await d.record(other, (view) => {
        const header = attributeAt(view, TYPE.data);
        const pairs = header + view.getUint16(header + 32, true);
        const [lengthSize, offsetSize] = [view.getUint8(pairs) & 15, view.getUint8(pairs) >> 4];
        for (let i = 0; i < offsetSize; i++) view.setUint8(pairs + 1 + lengthSize + i, (lcn >> (8 * i)) & 0xff);
      });
    },
    finds: /belong to another file too/,
    tools: true,
  },
  'a value longer than its clusters': {
    does: (d, { data }) =>
      d.record(data, (view) => {
        const header = attributeAt(view, TYPE.data);
        view.setBigUint64(header + 48, 900_000n, true);
        view.setBigUint64(header + 56, 900_000n, true);
      }),
    finds: /900000 bytes in \d+ bytes of clusters/,
    tools: false,
  },
  'a record in use that is free in the bitmap': {
    does: async (d, { data }) => {
      const bitmap = (await d.load(SystemFile.mft)).require(TYPE.bitmap);
      await d.byte(bitmap, data >> 3, (byte) => byte & ~(1 << (data & 7)));
    },
    finds: /is in use, but free in the bitmap of \$MFT/,
    tools: false,
  },
  'a file that is gone': {
    does: (d, { data }) => d.record(data, (view) => view.setUint16(22, 0, true)),
    finds: /'data' is record \d+, which is no file/,
    tools: true,
  },
  'a record that was used again': {
    does: (d, { linked }) => d.record(linked, (view) => view.setUint16(16, 99, true)),
    finds: /has been used for another file since/,
    tools: false,
  },
  'a link too many': {
    does: (d, { linked }) => d.record(linked, (view) => view.setUint16(18, 3, true)),
    finds: /3 links are counted, there are 2/,
    tools: false,
  },
  'a name of another directory': {
    does: (d, { data, inner }) => d.record(data, (view) => view.setUint32(valueAt(view, TYPE.fileName), inner, true)),
    finds: /'data' is no name that record \d+ has in this directory/,
    tools: false,
  },
  'a name in no directory': {
    does: (d, { data }) => d.record(data, (view) => view.setUint16(valueAt(view, TYPE.fileName) + 66, 0x7a, true)),
    finds: /'zata' is not in its directory, record 5/,
    tools: false,
  },
  'a directory below itself': {
    does: (d, { dir, inner }) => d.record(dir, (view) => view.setUint32(valueAt(view, TYPE.fileName), inner, true)),
    finds: /directory \d+ is below itself/,
    tools: false,
  },
  'entries out of order': {
    does: async (d, { dir }) => {
      const tree = d.volume.index(await d.load(dir), '$I30');
      const vcn = tree.root.entries[0]?.child ?? tree.root.lastChild;
      await d.block(tree, vcn, (view) => {
        // The first letter of the first name.
        view.setUint16(24 + view.getUint32(24, true) + 16 + 66, 0x7a, true);
      });
    },
    finds: /two entries are out of order/,
    tools: false,
  },
  'a block of an index that is free in its bitmap': {
    does: (d, { dir }) =>
      d.record(dir, (view) => {
        const value = valueAt(view, TYPE.bitmap);
        view.setUint8(value, view.getUint8(value) & ~1);
      }),
    finds: /block 0 is in use, but free in its bitmap/,
    tools: false,
  },
  'a list that names an attribute that is not there': {
    does: async (d, { spilled }) => {
      const list = (await d.load(spilled)).attributeList!;
      if (list.nonResident !== undefined) await d.byte(list, 24, flip);
      else await d.record(spilled, (view) => view.setUint8(valueAt(view, TYPE.attributeList) + 24, 0xee));
    },
    finds: /\$ATTRIBUTE_LIST.*does not have it/,
    tools: true,
  },
  'a record of more attributes that belongs to no file': {
    does: async (d, { spilled, data }) => {
      const [first] = (await d.load(spilled)).extensions;
      await d.record(first!.record, (view) => view.setUint32(32, data, true));
    },
    finds: /holds attributes of a file whose \$ATTRIBUTE_LIST does not name it/,
    tools: false,
  },
  'a descriptor that is damaged': {
    does: async (d) => d.byte((await d.load(SystemFile.secure)).require(TYPE.data, '$SDS'), 40, flip),
    finds: /\$Secure, id 0x100: its descriptor is damaged/,
    tools: false,
  },
  'a copy of a descriptor that is damaged': {
    does: async (d) => d.byte((await d.load(SystemFile.secure)).require(TYPE.data, '$SDS'), 0x40000 + 40, flip),
    finds: /\$Secure, id 0x100: its copy of its descriptor is damaged/,
    tools: false,
  },
  'a security id of nobody': {
    does: (d, { data }) =>
      d.record(data, (view) => view.setUint32(valueAt(view, TYPE.standardInformation) + 52, 0x9999, true)),
    finds: /its security id 0x9999 is not in \$Secure/,
    tools: false,
  },
  'a backup of the boot sector that differs': {
    does: async (d) => d.device.write(d.device.size - 512, new Uint8Array(512)),
    finds: /the backup of the boot sector differs/,
    tools: true,
  },
  'a volume marked dirty': {
    does: async (d) => {
      const { mftMirrorLcn, clusterSize, recordSize } = d.volume.geometry;
      const mark = (view: DataView): void => view.setUint16(valueAt(view, TYPE.volumeInformation) + 10, 1, true);
      await d.record(SystemFile.volume, mark);
      await d.protectedBytes(mftMirrorLcn * clusterSize + SystemFile.volume * recordSize, recordSize, mark);
    },
    finds: /marked dirty/,
    tools: false,
    warns: true,
  },
};

describe.runIf(requireTools('mkntfs', 'ntfsfix', 'ntfsinfo', 'ntfscluster'))('a check of a damaged volume', () => {
  const folder = mkdtempSync(join(tmpdir(), 'vmcraft-ntfs-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  let clean: Uint8Array;
  let places: Places;

  beforeAll(async () => {
    const device = mkntfs(12 * MIB, ['-c', '4096']);
    const fs = await openWritable(device);
    const dir = await fs.create(fs.root, 'dir', { mode: DIR });
    await fs.create(dir, 'inner', { mode: DIR });
    for (let i = 0; i < 300; i++) await fs.create(dir, `a file with a name ${i}`, { mode: FILE });
    for (const name of ['data', 'other'])
      await fs.write(await fs.create(fs.root, name, { mode: FILE }), 0, pattern(50_000));
    await fs.link(await fs.create(fs.root, 'linked', { mode: FILE }), dir, 'another name');
    const spilled = await fs.create(fs.root, 'spilled', { mode: S_IFREG });
    if (!supports(fs, 'xattr')) throw new Error('no streams');
    for (let i = 0; i < STREAMS; i++) await fs.setXattr(spilled, `user.stream ${i}`, pattern(60));
    const numberOf = async (path: string): Promise<number> => (await at(fs, path)).ino;
    places = {
      dir: await numberOf('dir'),
      inner: await numberOf('dir/inner'),
      data: await numberOf('data'),
      other: await numberOf('other'),
      linked: await numberOf('linked'),
      spilled: await numberOf('spilled'),
    };
    await fs.close();
    clean = (await device.read(0, device.size)).slice();
  });

  const checked = async (device: MemoryDevice, name: string) => {
    const report = await ntfsDriver.check!(device);
    const image = await saveImage(device, join(folder, name.replaceAll(/\W/g, '-')));
    const said = complaints(image);
    rmSync(image);
    return { report, said };
  };

  it('has nothing to say before', async () => {
    const { report, said } = await checked(MemoryDevice.from(clean), 'clean');
    expect(report).toEqual({ clean: true, findings: [] });
    expect(said).toEqual([]);
  });

  it.each(Object.entries(CASES))('finds %s', async (name, { does, finds, tools, warns = false }) => {
    const device = MemoryDevice.from(clean.slice(), { writable: true });
    await does(await Damage.on(device), places);
    const { report, said } = await checked(device, name);
    expect(report.findings.map(({ message }) => message).join('\n')).toMatch(finds);
    expect(report.clean).toBe(warns);
    expect(said.length > 0, said.join('\n')).toBe(tools);
  });

  it('ends with findings, whatever is damaged', async () => {
    for (let seed = 1; seed <= 60; seed++) {
      const device = MemoryDevice.from(clean.slice(), { writable: true });
      const bytes = pattern(400, seed);
      for (let i = 0; i < bytes.length; i += 4) {
        const offset = ((bytes[i]! << 16) | (bytes[i + 1]! << 8) | bytes[i + 2]!) % (2 * MIB);
        await device.write(offset, Uint8Array.of(bytes[i + 3]!));
      }
      const report = await ntfsDriver.check!(device);
      expect(Array.isArray(report.findings)).toBe(true);
    }
  });
});
