import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FileDevice } from '../../src/block/index.js';
import { AbortedError, CapabilityError, HostError, TruncatedImageError } from '../../src/errors/index.js';
import { NodeHostFiles } from '../../src/runtime/node-host-files.js';

let folder: string;
let path: string;
const host = new NodeHostFiles();

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vmcraft-files-'));
  path = join(folder, 'disk.img');
  writeFileSync(
    path,
    Uint8Array.from({ length: 5000 }, (_, i) => i & 0xff),
  );
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('NodeHostFiles', () => {
  it('reads, writes, extends and cuts', async () => {
    const file = await host.open(path, { writable: true });
    expect(file.size).toBe(5000);
    expect(await file.read(4998, 10)).toEqual(Uint8Array.from([4998 & 0xff, 4999 & 0xff]));
    expect(await file.read(9000, 10)).toEqual(new Uint8Array(0));
    await file.write(6000, new Uint8Array([1, 2]));
    expect(file.size).toBe(6002);
    expect(await file.read(5000, 3)).toEqual(new Uint8Array(3));
    await file.truncate(10);
    expect((await file.read(0, 100)).length).toBe(10);
    await file.flush();
    expect((await file.identity()).size).toBe(10);
    await file.close();
    await file.close();
    await expect(file.read(0, 1)).rejects.toThrow(HostError);
    expect(statSync(path).size).toBe(10);
  });

  it('gives plain bytes whose slice is a copy', async () => {
    const file = await host.open(path, { writable: false });
    const data = await file.read(0, 10);
    expect(data.constructor).toBe(Uint8Array);
    data.slice()[0] = 77;
    expect(data[0]).toBe(0);
    await file.close();
  });

  it('waits for calls under way when closed', async () => {
    const file = await host.open(path, { writable: false });
    const reads = Array.from({ length: 20 }, (_, i) => file.read(i, 4));
    await file.close();
    for (const [i, data] of (await Promise.all(reads)).entries()) expect(data[0]).toBe(i);
  });

  it('gives space back at the end, and does not fill holes with zeros', async () => {
    const file = await host.open(path, { writable: true });
    await file.write(4 << 20, new Uint8Array(4 << 20).fill(5));
    await file.punchHole(5000, (4 << 20) - 5000);
    const blocks = statSync(path).blocks;
    await file.punchHole(4 << 20, 4 << 20);
    expect(file.size).toBe(8 << 20);
    expect(statSync(path).size).toBe(8 << 20);
    expect(statSync(path).blocks).toBeLessThan(blocks);
    expect((await file.read(4 << 20, 10)).every((b) => b === 0)).toBe(true);
    await file.punchHole(10, 5);
    expect(await file.read(9, 7)).toEqual(Uint8Array.from([9, 0, 0, 0, 0, 0, 15]));
    await file.close();
  });

  it('refuses, with what the host said', async () => {
    const file = await host.open(path, { writable: false });
    await expect(file.write(0, new Uint8Array(1))).rejects.toThrow(CapabilityError);
    await expect(file.read(0, 1, { signal: AbortSignal.abort() })).rejects.toThrow(AbortedError);
    await file.close();
    const options = { writable: true, create: 'exclusive' } as const;
    const error = await host.open(path, options).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(HostError);
    expect((error as HostError).data).toMatchObject({ errno: 'EEXIST', reason: 'file already exists', path });
    expect(await host.stat(join(folder, 'none'))).toBeUndefined();
    expect(await host.stat(join(path, 'none'))).toBeUndefined();
    expect((await host.stat(folder))?.kind).toBe('directory');
  });

  it('makes scratch files that have no name', async () => {
    const own = new NodeHostFiles({ scratchFolder: folder });
    const scratch = await own.scratch();
    await scratch.write(0, new Uint8Array([1]));
    expect(await scratch.read(0, 1)).toEqual(new Uint8Array([1]));
    expect(readdirSync(folder)).toEqual(['disk.img']);
    await scratch.close();
  });

  it('is a device', async () => {
    const device = new FileDevice(await host.open(path, { writable: true }));
    expect(device.hostPath).toBe(path);
    await expect(device.read(4999, 2)).rejects.toThrow(TruncatedImageError);
    await device.discard(0, 10);
    expect(await device.read(9, 2)).toEqual(Uint8Array.from([0, 10]));
    await device.close();
  });
});
