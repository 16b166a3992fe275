import {
  CorruptImageError,
  isVmcraftError,
  MemoryDevice,
  TransactionalDevice,
  TransactionalFiles,
} from '@vmcraft/core';
import { faultyDevice, SimulatedHost } from '@vmcraft/testkit';
import { describe, expect, it } from 'vitest';
import { BEFORE, edit, IMAGES, noise, see, session, stateOf } from './scenario.js';

const JOURNAL = '/vm/a.img.vmcraft-journal';

/** A host on which a commit was interrupted just after its commit point, or in the middle of being applied. */
async function committed(during: 'commit' | 'apply'): Promise<SimulatedHost> {
  for (let crashAt = 1; ; crashAt++) {
    const host = new SimulatedHost(BEFORE, { crashAt });
    await session(host).catch(() => {});
    const touched = IMAGES.some((path) => !isSame(host.contents(path), BEFORE.get(path)));
    if (host.contents(JOURNAL) !== undefined && (during === 'commit' || touched)) return host.restart(undefined);
    if (!host.hasCrashed) throw new Error('no such moment');
  }
}

const isSame = (a: Uint8Array | undefined, b: Uint8Array | undefined): boolean =>
  a !== undefined && b !== undefined && Buffer.compare(a, b) === 0;
/** Much faster than comparing element by element. */
const expectSame = (a: Uint8Array | undefined, b: Uint8Array | undefined): void => expect(isSame(a, b)).toBe(true);

const errorOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );

describe('a committed journal', () => {
  it('shows through when opened read-only, and changes nothing', async () => {
    const host = await committed('commit');
    expect(stateOf(await see(host, false))).toBe('after');
    expectSame(host.contents(IMAGES[0]), BEFORE.get(IMAGES[0]));
    expect(host.contents(JOURNAL)).toBeDefined();
  });

  it('is never applied when a byte of it was changed', async () => {
    const host = await committed('commit');
    const journal = host.contents(JOURNAL)!;
    for (let at = 0; at < journal.length; at += at < 800 ? 1 : 251) {
      const copy = host.restart(undefined);
      copy.tamper(JOURNAL, at, new Uint8Array([journal[at]! ^ 0x10]));
      const error = await errorOf(see(copy, true));
      expect(isVmcraftError(error), `byte ${at}: ${String(error)}`).toBe(true);
      expectSame(copy.contents(IMAGES[0]), BEFORE.get(IMAGES[0]));
    }
  });

  it('is never applied when it was cut short', async () => {
    const host = await committed('commit');
    const journal = host.contents(JOURNAL)!;
    for (const length of [0, 1, 511, 512, 600, journal.length - 1]) {
      const copy = host.restart(undefined);
      copy.replace(JOURNAL, journal.subarray(0, length));
      expect(await errorOf(see(copy, true))).toBeInstanceOf(CorruptImageError);
      expectSame(copy.contents(IMAGES[0]), BEFORE.get(IMAGES[0]));
    }
  });

  it('is refused when the image was changed since by somebody else', async () => {
    const host = await committed('apply');
    host.tamper(IMAGES[0], 200, noise(100, 77));
    const changed = host.contents(IMAGES[0]);
    for (const writable of [false, true]) expect(await errorOf(see(host, writable))).toBeInstanceOf(CorruptImageError);
    expectSame(host.contents(IMAGES[0]), changed);
  });

  it('is refused when another file took the place of the image', async () => {
    const host = await committed('commit');
    host.replace(IMAGES[0], BEFORE.get(IMAGES[0])!);
    expect(await errorOf(see(host, true))).toBeInstanceOf(CorruptImageError);
    expectSame(host.contents(IMAGES[0]), BEFORE.get(IMAGES[0]));
  });

  it('is discarded or applied when the caller says so', async () => {
    for (const staleJournal of ['discard', 'apply'] as const) {
      const host = await committed('commit');
      host.replace(IMAGES[0], BEFORE.get(IMAGES[0])!);
      const warnings: string[] = [];
      const files = new TransactionalFiles(host, { staleJournal, warn: ({ message }) => warnings.push(message) });
      for (const path of IMAGES) await files.open(path, { writable: true });
      await files.close();
      expect(warnings.join()).toContain(staleJournal === 'apply' ? 'applied all the same' : 'discarded');
      expect(stateOf(await see(host, true))).toBe(staleJournal === 'apply' ? 'after' : 'before');
    }
  });

  it('does not write to a path it names unless that image confirms it', async () => {
    const host = await committed('commit');
    await host.remove('/other/c.img.vmcraft-journal');
    expect(await errorOf(see(host, true))).toBeInstanceOf(CorruptImageError);
    expectSame(host.contents(IMAGES[2]), BEFORE.get(IMAGES[2]));
    expectSame(host.contents(IMAGES[0]), BEFORE.get(IMAGES[0]));
  });
});

describe('a transaction', () => {
  it('shows its own changes, drops them on rollback, and starts again', async () => {
    const host = new SimulatedHost(BEFORE);
    const files = new TransactionalFiles(host);
    const file = await files.open(IMAGES[0], { writable: true });
    await file.write(10, noise(5000, 5));
    const other = await files.open(IMAGES[0], { writable: false });
    expectSame(await other.read(10, 5000), noise(5000, 5));
    expect(files.isDirty).toBe(true);
    await files.rollback();
    expect(files.isDirty).toBe(false);
    expectSame(await file.read(0, 40_000), BEFORE.get(IMAGES[0]));
    await file.write(0, new Uint8Array([9]));
    expect((await files.commit()).images).toEqual([IMAGES[0]]);
    await files.close();
    expect(host.contents(IMAGES[0])![0]).toBe(9);
  });

  it('never commits in a dry run', async () => {
    const host = new SimulatedHost(BEFORE);
    const files = new TransactionalFiles(host, { dryRun: true });
    await edit(files);
    expect(await files.commit()).toEqual({ committed: false, images: [] });
    await files.close();
    expect(host.calls).toBe(0);
  });

  it('can be left out', async () => {
    const host = new SimulatedHost(BEFORE);
    const files = new TransactionalFiles(host, { writeThrough: true });
    const file = await files.open(IMAGES[0], { writable: true });
    await file.write(0, new Uint8Array([7]));
    expect(host.contents(IMAGES[0])![0]).toBe(7);
    await file.close();
    await files.close();
  });
});

describe('a transaction over a device', () => {
  const image = new Map([['/vm/disk.vhdx', noise(5000, 1)]]);

  it('is finished by the next opening when its device failed in the middle', async () => {
    for (let failAt = 1; failAt <= 4; failAt++) {
      const host = new SimulatedHost(image);
      const disk = MemoryDevice.from(noise(300_000, 2));
      const { device } = faultyDevice(disk, { failAt, sticky: true, methods: ['write', 'discard', 'flush'] });
      const first = await TransactionalDevice.open(device, '/vm/disk.vhdx', host);
      await first.device.write(1000, noise(20_000, 3));
      await first.device.write(200_000, noise(10, 4));
      await first.commit().catch(() => {});
      await first.close();
      // The program that serves the device changes the image file as it likes.
      host.tamper('/vm/disk.vhdx', 3, new Uint8Array([failAt]));
      const second = await TransactionalDevice.open(disk, '/vm/disk.vhdx', host);
      expectSame(await disk.read(1000, 20_000), noise(20_000, 3));
      expectSame(await disk.read(200_000, 10), noise(10, 4));
      expect(host.paths).toEqual(['/vm/disk.vhdx']);
      await second.close();
    }
  });

  it('leaves its device alone until the commit', async () => {
    const disk = MemoryDevice.from(noise(300_000, 2));
    const writing = await TransactionalDevice.open(disk, '/vm/disk.vhdx', new SimulatedHost(image));
    await writing.device.write(5, noise(70_000, 8));
    expectSame(await disk.read(0, 300_000), noise(300_000, 2));
    expectSame(await writing.device.read(5, 70_000), noise(70_000, 8));
    await writing.rollback();
    expect((await writing.commit()).committed).toBe(false);
    await writing.close();
  });
});
