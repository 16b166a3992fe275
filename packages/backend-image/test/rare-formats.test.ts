import { createHash, randomUUID } from 'node:crypto';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32c, encodeUtf16, type Warning } from '@vmcraft/core';
import { requireTools } from '@vmcraft/testkit';
import { describe, expect, it } from 'vitest';
import { backingNameOf } from '../src/backing-name.js';
import { checksum } from '../src/vhd/footer.js';
import * as Vhd from '../src/vhd/layout.js';
import { vhdxChecksum } from '../src/vhdx/checksum.js';
import * as Vhdx from '../src/vhdx/layout.js';
import * as Vmdk from '../src/vmdk/layout.js';
import { context, openDrive, patchwork, sha256, sparseSha256, temporaryFolder, tool } from './oracle.js';

const MiB = 1 << 20;
const SECTOR = 512;
const hashOf = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex');

/** Bytes in pieces; the file is as long as the last one. */
class Sketch {
  #bytes = new Uint8Array(1 << 16);
  #length = 0;

  get data(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }

  put(offset: number, bytes: Uint8Array): void {
    const end = offset + bytes.length;
    if (end > this.#bytes.length) {
      const grown = new Uint8Array(end * 2);
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    this.#length = Math.max(this.#length, end);
    this.#bytes.set(bytes, offset);
  }

  u32(offset: number, value: number): void {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, value, true);
    this.put(offset, bytes);
  }

  u64(offset: number, value: bigint): void {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, value, true);
    this.put(offset, bytes);
  }
}

describe('formats that no tool here writes', () => {
  const folder = temporaryFolder();
  const path = (name: string): string => join(folder, name);

  const descriptor = (type: string, createType: string, sectors: number, file: string): string =>
    `# Disk DescriptorFile\nversion=1\nCID=12345678\nparentCID=ffffffff\ncreateType="${createType}"\n# Extent description\nRW ${sectors} ${type} "${file}"\n`;

  it.runIf(requireTools('qemu-img'))('reads an ESXi host sparse (COWD) extent as qemu does', async () => {
    const sectors = 3 * 4096 * 1 + 100;
    const image = new Sketch();
    const twin = new Uint8Array(sectors * SECTOR);
    image.put(
      0,
      Vmdk.CowdHeader.encode({
        magicNumber: Vmdk.COWD_MAGIC,
        version: 1,
        flags: 3,
        numSectors: sectors,
        grainSize: 1,
        gdOffset: 4,
        numGDEntries: 4,
        freeSector: 200,
      }),
    );
    const tables = [8, 0, 48, 0];
    for (const [i, sector] of tables.entries()) image.u32(4 * SECTOR + i * 4, sector);
    let next = 100;
    for (const [table, grain, count] of [
      [0, 5, 20],
      [0, 30, 3],
      [2, 4000, 96],
    ] as const) {
      for (let g = grain; g < grain + count; g++) {
        const bytes = patchwork(SECTOR, g + table).fill(g & 0xff, 0, 40);
        image.u32((tables[table] as number) * SECTOR + g * 4, next);
        image.put(next * SECTOR, bytes);
        twin.set(bytes, (table * 4096 + g) * SECTOR);
        next += (g as number) === 10 ? 3 : 1;
      }
    }
    writeFileSync(path('cowd-delta.vmdk'), image.data);
    writeFileSync(path('cowd.vmdk'), descriptor('VMFSSPARSE', 'vmfsSparse', sectors, 'cowd-delta.vmdk'));
    for (const name of ['cowd.vmdk', 'cowd-delta.vmdk']) {
      await using session = await openDrive(path(name));
      expect(await sha256(session.device)).toBe(hashOf(twin));
      expect(await sparseSha256(session.device)).toBe(hashOf(twin));
    }
    await tool('qemu-img', 'convert', '-f', 'vmdk', '-O', 'raw', path('cowd.vmdk'), path('flat.raw'));
    expect(hashOf(readFileSync(path('flat.raw')))).toBe(hashOf(twin));
  });

  it.runIf(requireTools('qemu-img'))('reads a seSparse extent as qemu does', async () => {
    const size = 40 * MiB;
    const image = new Sketch();
    const twin = new Uint8Array(size);
    const [directory, tables, grains] = [128, 256, 1024];
    const header = {
      magic: Vmdk.SE_MAGIC,
      version: Vmdk.SE_VERSION,
      capacity: BigInt(size / SECTOR),
      grainSize: 8n,
      grainTableSize: 64n,
    };
    const places = {
      volatileHeaderOffset: 1n,
      volatileHeaderSize: 1n,
      grainDirOffset: BigInt(directory),
      grainDirSize: 1n,
      grainTablesOffset: BigInt(tables),
      grainTablesSize: 128n,
      grainsOffset: BigInt(grains),
      grainsSize: 4096n,
    };
    image.put(0, Vmdk.SeSparseHeader.encode({ ...header, ...places }));
    image.put(SECTOR, Vmdk.SeSparseVolatile.encode({ magic: Vmdk.SE_VOLATILE_MAGIC }));
    const state = BigInt(Vmdk.SE_GDE_ALLOCATED) << 32n;
    image.u64(directory * SECTOR, state | 1n);
    image.u64(directory * SECTOR + 16, state | 0n);
    image.put((grains + 8 * 8192) * SECTOR, new Uint8Array(SECTOR));
    const put = (table: number, slot: number, grain: number, index: number): void => {
      const bytes = patchwork(4096, index).fill(index, 0, 100);
      const entry = (3n << 60n) | (BigInt(index & 0xfff) << 48n) | BigInt(index >> 12);
      image.u64((tables + slot * 64) * SECTOR + grain * 8, entry);
      image.put(grains * SECTOR + index * 4096, bytes);
      twin.set(bytes, (table * 4096 + grain) * 4096);
    };
    for (let i = 0; i < 50; i++) put(0, 1, i + (i > 20 ? 7 : 0), i + (i > 40 ? 9 : 0));
    put(2, 0, 11, 5000);
    image.u64((tables + 64) * SECTOR + 100 * 8, 2n << 60n);
    image.u64((tables + 64) * SECTOR + 101 * 8, 1n << 60n);
    writeFileSync(path('se-sesparse.vmdk'), image.data);
    writeFileSync(path('se.vmdk'), descriptor('SESPARSE', 'seSparse', size / SECTOR, 'se-sesparse.vmdk'));
    await tool('qemu-img', 'convert', '-f', 'vmdk', '-O', 'raw', path('se.vmdk'), path('flat.raw'));
    expect(hashOf(readFileSync(path('flat.raw')))).toBe(hashOf(twin));
    await using session = await openDrive(path('se.vmdk'));
    expect(session.info.details['create-type']).toBe('seSparse');
    expect(await sha256(session.device)).toBe(hashOf(twin));
    expect(await sparseSha256(session.device)).toBe(hashOf(twin));
  });

  it.runIf(requireTools('qemu-img'))('reads a differencing VHD, sector by sector', async () => {
    const base = patchwork(8 * MiB, 41);
    writeFileSync(path('base.raw'), base);
    await tool(
      'qemu-img',
      'convert',
      '-f',
      'raw',
      '-O',
      'vpc',
      '-o',
      'subformat=dynamic,force_size=on',
      path('base.raw'),
      path('base.vhd'),
    );
    const parentFooter = Vhd.VhdFooter.decode(readFileSync(path('base.vhd')));
    const footer = Vhd.VhdFooter.encode({
      ...parentFooter,
      diskType: Vhd.DIFFERENCING,
      dataOffset: 512n,
      uniqueId: randomUUID(),
      checksum: 0,
    });
    new DataView(footer.buffer).setUint32(64, checksum(footer, 64));
    const header = Vhd.VhdDynamicHeader.encode({
      cookie: Vhd.DYNAMIC_COOKIE,
      dataOffset: 0xffffffffffffffffn,
      tableOffset: 1536n,
      headerVersion: 0x10000,
      maxTableEntries: 4,
      blockSize: 2 * MiB,
      parentUniqueId: parentFooter.uniqueId,
    });
    const name = encodeUtf16('.\\base.vhd');
    Vhd.ParentLocator.encodeInto(
      {
        platformCode: Vhd.LOCATOR.relative,
        platformDataSpace: 512,
        platformDataLength: name.length,
        platformDataOffset: 2048n,
      },
      header,
      Vhd.PARENT_LOCATORS_AT,
    );
    new DataView(header.buffer).setUint32(36, checksum(header, 36));
    const twin = base.slice();
    const image = new Sketch();
    image.put(0, footer);
    image.put(512, header);
    const bat = new Uint8Array(512).fill(0xff);
    new DataView(bat.buffer).setUint32(4, 5);
    image.put(1536, bat);
    image.put(2048, name);
    const bitmap = new Uint8Array(512);
    for (let sector = 0; sector < 4096; sector++) {
      if (sector % 7 === 0 || (sector > 1000 && sector < 1800)) {
        bitmap[sector >> 3]! |= 0x80 >> (sector & 7);
        const bytes = new Uint8Array(512).fill(sector & 0xff);
        image.put(5 * 512 + 512 + sector * 512, bytes);
        twin.set(bytes, 2 * MiB + sector * 512);
      }
    }
    image.put(5 * 512, bitmap);
    image.put(5 * 512 + 512 + 2 * MiB, footer);
    writeFileSync(path('child.vhd'), image.data);
    const warnings: Warning[] = [];
    await using session = await openDrive(path('child.vhd'), {}, warnings);
    expect(await sha256(session.device)).toBe(hashOf(twin));
    expect(await sha256(session.device, 1000)).toBe(hashOf(twin));
    expect(await sparseSha256(session.device)).toBe(hashOf(twin));
    expect(warnings).toEqual([]);
    expect(session.info.details.subformat).toBe('differencing');
    expect(await backingNameOf(path('child.vhd'), context())).toBe('./base.vhd');
    expect(await backingNameOf(path('base.vhd'), context())).toBeUndefined();
  });

  /** Change the metadata and BAT of a VHDX made by qemu so that it is a child of another. */
  function vhdxChild(
    image: Uint8Array,
    parentGuid: string,
  ): { readonly data: Uint8Array; readonly writes: Map<number, Uint8Array> } {
    const data = new Sketch();
    data.put(0, image);
    const regions = Object.fromEntries(
      [0, 1].map((i) => {
        const entry = Vhdx.RegionEntry.decode(data.data, Vhdx.REGION_TABLE_OFFSETS[0] + 16 + i * 32);
        return [entry.guid, Number(entry.fileOffset)];
      }),
    );
    const meta = regions[Vhdx.METADATA_REGION] as number;
    const count = new DataView(data.data.buffer).getUint16(meta + 10, true);
    for (let i = 0; i < count; i++) {
      const entry = Vhdx.MetadataEntry.decode(data.data, meta + 32 + i * 32);
      if (entry.itemId === Vhdx.ITEM.fileParameters) data.u32(meta + entry.offset + 4, Vhdx.FLAG_HAS_PARENT);
    }
    const pairs = [
      ['relative_path', '.\\parent.vhdx'],
      ['parent_linkage', `{${parentGuid}}`],
    ].map((p) => p.map((t) => encodeUtf16(t)));
    const locator = new Sketch();
    locator.put(0, Vhdx.ParentLocatorHeader.encode({ locatorType: Vhdx.VHDX_LOCATOR, keyValueCount: 2 }));
    let at = 20 + 24;
    for (const [i, [key, value]] of (pairs as [Uint8Array, Uint8Array][]).entries()) {
      const fields = { keyOffset: at, valueOffset: at + key.length, keyLength: key.length, valueLength: value.length };
      locator.put(20 + i * 12, Vhdx.ParentLocatorEntry.encode(fields));
      locator.put(at, key);
      locator.put(at + key.length, value);
      at += key.length + value.length;
    }
    data.put(meta + 0x80000, locator.data);
    data.put(
      meta + 32 + count * 32,
      Vhdx.MetadataEntry.encode({
        itemId: Vhdx.ITEM.parentLocator,
        offset: 0x80000,
        length: locator.data.length,
        flags: 4,
      }),
    );
    new DataView(data.data.buffer).setUint16(meta + 10, count + 1, true);
    const bat = regions[Vhdx.BAT_REGION] as number;
    // Block 1 is partly present, with its sector bitmap; block 2 is whole; the others are the parent's.
    const end = Math.ceil(data.data.length / MiB);
    const chunkBlocks = (Vhdx.CHUNK_SECTORS * 512) / MiB;
    data.u64(bat + 8, (BigInt(end) << 20n) | 7n);
    data.u64(bat + 16, (BigInt(end + 1) << 20n) | 6n);
    data.u64(bat + chunkBlocks * 8, (BigInt(end + 2) << 20n) | 6n);
    const writes = new Map<number, Uint8Array>();
    const bitmap = new Uint8Array(MiB);
    const put = (sector: number, block: number): void => {
      const bytes = new Uint8Array(512).fill((sector % 250) + 1);
      data.put((end + block - 1) * MiB + (sector % 2048) * 512, bytes);
      writes.set(sector * 512, bytes);
    };
    for (let sector = 2048; sector < 4096; sector++) {
      if (sector % 5 !== 0 && sector % 900 > 100) continue;
      bitmap[sector >> 3]! |= 1 << (sector & 7);
      put(sector, 1);
    }
    for (let sector = 4096; sector < 6144; sector++) put(sector, 2);
    data.put((end + 2) * MiB, bitmap);
    return { data: data.data, writes };
  }

  it.runIf(requireTools('qemu-img'))('reads a differencing VHDX, sector by sector', async () => {
    const base = patchwork(6 * MiB, 51);
    writeFileSync(path('base.raw'), base);
    const options = ['-o', 'block_size=1M'];
    await tool('qemu-img', 'convert', '-f', 'raw', '-O', 'vhdx', ...options, path('base.raw'), path('parent.vhdx'));
    await tool(
      'qemu-img',
      'create',
      '-f',
      'vhdx',
      '-o',
      'block_size=1M,block_state_zero=off',
      path('empty.vhdx'),
      String(6 * MiB),
    );
    const parent = await openDrive(path('parent.vhdx'));
    const guid = String(parent.info.details['data-write-guid']);
    await parent.close();
    const child = vhdxChild(readFileSync(path('empty.vhdx')), guid);
    writeFileSync(path('child.vhdx'), child.data);
    const twin = base.slice();
    for (const [offset, bytes] of child.writes) twin.set(bytes, offset);
    const warnings: Warning[] = [];
    expect(await backingNameOf(path('child.vhdx'), context())).toBe('./parent.vhdx');
    await using session = await openDrive(path('child.vhdx'), {}, warnings);
    expect(await sha256(session.device)).toBe(hashOf(twin));
    expect(await sha256(session.device, 3000)).toBe(hashOf(twin));
    expect(await sparseSha256(session.device)).toBe(hashOf(twin));
    expect(warnings).toEqual([]);
  });

  /** Give a VHDX a log with two entries: the first of a new sequence, then one that zeroes and one that changes a sector. */
  function pendingLog(image: Uint8Array, target: number, bytes: Uint8Array, zeroAt: number): Uint8Array {
    const data = new Sketch();
    data.put(0, image);
    const headers = Vhdx.HEADER_OFFSETS.map((o) => Vhdx.VhdxHeader.decode(data.data, o));
    const current = headers[0]!.sequenceNumber > headers[1]!.sequenceNumber ? 0 : 1;
    const guid = randomUUID();
    const offset = Number(headers[current]!.logOffset);
    const header = data.data.slice(Vhdx.HEADER_OFFSETS[current]!, Vhdx.HEADER_OFFSETS[current]! + 4096);
    Vhdx.VhdxHeader.encodeInto({ logGuid: guid, checksum: 0 }, header);
    Vhdx.VhdxHeader.encodeInto({ checksum: crc32c(header) }, header);
    data.put(Vhdx.HEADER_OFFSETS[current]!, header);
    const size = BigInt(data.data.length);
    const entry = (sequence: bigint, content: Uint8Array, fileOffset: number, zero?: number): Uint8Array => {
      const e = new Sketch();
      const descriptors = zero === undefined ? 1 : 2;
      e.put(0, new Uint8Array(8192));
      e.put(
        64,
        Vhdx.DataDescriptor.encode({
          signature: 'desc',
          trailingBytes: content.slice(4092),
          leadingBytes: content.slice(0, 8),
          fileOffset: BigInt(fileOffset),
          sequenceNumber: sequence,
        }),
      );
      if (zero !== undefined)
        e.put(
          96,
          Vhdx.ZeroDescriptor.encode({
            signature: 'zero',
            zeroLength: 8192n,
            fileOffset: BigInt(zero),
            sequenceNumber: sequence,
          }),
        );
      e.put(4096, content);
      Vhdx.DataSector.encodeInto({ signature: 'data', sequenceHigh: 0, sequenceLow: Number(sequence) }, e.data, 4096);
      Vhdx.LogEntryHeader.encodeInto(
        {
          signature: 'loge',
          entryLength: 8192,
          tail: 1024 * 1024 - 12288,
          sequenceNumber: sequence,
          descriptorCount: descriptors,
          logGuid: guid,
          flushedFileOffset: size,
          lastFileOffset: size,
        },
        e.data,
      );
      Vhdx.LogEntryHeader.encodeInto({ checksum: vhdxChecksum(e.data) }, e.data);
      return e.data;
    };
    // The second entry wraps around the end of the log.
    data.put(offset + MiB - 12288, entry(7n, bytes, target));
    const second = entry(
      8n,
      bytes.map((b) => b ^ 0xff),
      target + 4096,
      zeroAt,
    );
    data.put(offset + MiB - 4096, second.slice(0, 4096));
    data.put(offset, second.slice(4096));
    return data.data;
  }

  it.runIf(requireTools('qemu-img'))('replays a VHDX log as qemu does, without touching the file', async () => {
    writeFileSync(path('source.raw'), patchwork(6 * MiB, 61).fill(9, 2 * MiB, 4 * MiB));
    await tool(
      'qemu-img',
      'convert',
      '-f',
      'raw',
      '-O',
      'vhdx',
      '-o',
      'block_size=1M',
      path('source.raw'),
      path('clean.vhdx'),
    );
    const image = readFileSync(path('clean.vhdx'));
    const marker = image.indexOf(new Uint8Array(MiB).fill(9));
    const logged = pendingLog(image, marker + 40960, patchwork(4096, 62), marker + 81920);
    writeFileSync(path('logged.vhdx'), logged);
    copyFileSync(path('logged.vhdx'), path('replayed.vhdx'));
    const session = await openDrive(path('logged.vhdx'));
    expect(session.info.details['log-replayed']).toBe(true);
    const ours = await sha256(session.device);
    expect(await sparseSha256(session.device)).toBe(ours);
    await session.close();
    expect(hashOf(readFileSync(path('logged.vhdx')))).toBe(hashOf(logged));
    const clean = await openDrive(path('clean.vhdx'));
    expect(await sha256(clean.device)).not.toBe(ours);
    await clean.close();
    await tool('qemu-img', 'check', '-r', 'all', path('replayed.vhdx'));
    await tool('qemu-img', 'convert', '-f', 'vhdx', '-O', 'raw', path('replayed.vhdx'), path('flat.raw'));
    expect(hashOf(readFileSync(path('flat.raw')))).toBe(ours);
  });
});
