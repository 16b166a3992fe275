import { deepStrictEqual, ok } from 'node:assert/strict';
import type { BackendContext, BlockBackend, BlockSession, DriveSpec } from '@vmcraft/core';
import { hasSparseMap } from '@vmcraft/core';
import { gather, pattern, rejectsWith, sameBytes } from '../expectations.js';
import type { TestRunner } from '../runner.js';

/** What a backend's test hands to {@link blockBackendCompliance}; made anew for every test. */
export interface BlockBackendFixture {
  readonly backend: BlockBackend;
  readonly context: BackendContext;
  /** A drive whose contents are `content`. */
  readonly drive: DriveSpec;
  /** A drive that is none of this backend's formats or schemes; left out by a backend that takes anything. */
  readonly foreign?: DriveSpec;
  /** The guest's bytes, some 100 KiB and not a multiple of 64 KiB. */
  readonly content: Uint8Array;
  /** Whether the format can be written through this backend. */
  readonly writable: boolean;
  /** The bytes that a read-only session must leave as they are: every file of the image. */
  fingerprint(): Promise<Uint8Array>;
  dispose?(): Promise<void>;
}

/** Test a {@link BlockBackend}. The runner is injected: vitest's, node:test's or another's `describe` and `it`. */
export function blockBackendCompliance(
  runner: TestRunner,
  target: { readonly name: string; create(): Promise<BlockBackendFixture> },
): void {
  const test = (name: string, body: (f: BlockBackendFixture) => Promise<void>): void =>
    runner.it(name, async () => {
      const fixture = await target.create();
      try {
        await body(fixture);
      } finally {
        await fixture.dispose?.();
      }
    });
  runner.describe(`block backend compliance: ${target.name}`, () => {
    identity(test);
    reading(test);
    writing(test);
    lifetime(test);
  });
}

type Test = (name: string, body: (f: BlockBackendFixture) => Promise<void>) => void;

async function withSession(
  f: BlockBackendFixture,
  readonly: boolean,
  body: (s: BlockSession) => Promise<void>,
): Promise<void> {
  const session = await f.backend.open({ ...f.drive, readonly }, f.context);
  try {
    await body(session);
  } finally {
    await session.close();
  }
}

function identity(test: Test): void {
  test('says whether it is available', async (f) => {
    const availability = await f.backend.available();
    ok(availability.available || availability.reason.length > 0, 'an unavailable backend says why');
  });
  test('recognises its drive and not a foreign one, changing nothing', async (f) => {
    const before = await f.fingerprint();
    ok((await f.backend.probe(f.drive, f.context)) !== undefined, 'its own drive is recognised');
    if (f.foreign !== undefined) deepStrictEqual(await f.backend.probe(f.foreign, f.context), undefined);
    sameBytes(await f.fingerprint(), before, 'image after probe');
  });
  test('describes the image', (f) =>
    withSession(f, true, async ({ device, info }) => {
      ok(info.format.length > 0, 'a format');
      deepStrictEqual(info.virtualSize, device.size);
      ok(device.sectorSize === 512 || device.sectorSize === 4096, 'sector size is 512 or 4096');
      ok(
        device.size >= f.content.length && device.size - f.content.length < 1024 * 1024,
        'size is that of the contents',
      );
    }));
  test('reports a missing image with a typed error', async (f) => {
    const missing = f.drive.path === undefined ? undefined : { ...f.drive, path: `${f.drive.path}.missing` };
    if (missing !== undefined) await rejectsWith(() => f.backend.open(missing, f.context));
  });
}

function reading(test: Test): void {
  test('reads every byte at any offset and length', (f) =>
    withSession(f, true, async ({ device }) => {
      const n = f.content.length;
      const spans = [
        [0, 1],
        [0, 512],
        [511, 2],
        [4095, 2],
        [65535, 2],
        [1000, 70000],
        [n - 1, 1],
        [0, n],
        [n, 0],
      ];
      for (const [offset, length] of spans as [number, number][]) {
        sameBytes(
          await device.read(offset, length),
          f.content.subarray(offset, offset + length),
          `read(${offset}, ${length})`,
        );
        const bulk = await device.read(offset, length, { bulk: true });
        sameBytes(bulk, f.content.subarray(offset, offset + length), `bulk read(${offset}, ${length})`);
      }
    }));
  test('answers concurrent reads', (f) =>
    withSession(f, true, async ({ device }) => {
      const offsets = Array.from({ length: 32 }, (_, i) => (i * 7919) % (f.content.length - 600));
      const all = await Promise.all(offsets.map((o) => device.read(o, 600)));
      for (const [i, o] of offsets.entries())
        sameBytes(all[i] as Uint8Array, f.content.subarray(o, o + 600), `concurrent read(${o})`);
    }));
  test('refuses spans outside the device', (f) =>
    withSession(f, true, async ({ device }) => {
      await rejectsWith(() => device.read(device.size - 1, 2));
      await rejectsWith(() => device.read(device.size + 4096, 1));
      await rejectsWith(() => device.read(-1, 1));
    }));
  test('maps its extents without gaps, and holes read as zeros', (f) =>
    withSession(f, true, async ({ device }) => {
      if (!hasSparseMap(device)) return;
      let at = 0;
      for (const extent of await gather(device.extents(0, device.size))) {
        deepStrictEqual(extent.offset, at);
        ok(extent.length > 0, 'no empty run');
        at += extent.length;
        if (extent.kind !== 'data') {
          const length = Math.min(extent.length, 65536);
          sameBytes(
            await device.read(extent.offset, length),
            new Uint8Array(length),
            `${extent.kind} at ${extent.offset}`,
          );
        }
      }
      deepStrictEqual(at, device.size);
    }));
  test('stops when told to', (f) =>
    withSession(f, true, async ({ device }) => {
      const signal = AbortSignal.abort();
      await rejectsWith(() => device.read(0, 512, { signal }), ['VMC_ABORTED']);
    }));
}

function writing(test: Test): void {
  test('a read-only session refuses writes and changes nothing', async (f) => {
    const before = await f.fingerprint();
    await withSession(f, true, async ({ device }) => {
      deepStrictEqual(device.writable, false);
      await rejectsWith(() => device.write(0, pattern(512)), ['VMC_READ_ONLY']);
      await device.read(0, Math.min(device.size, 4096));
    });
    sameBytes(await f.fingerprint(), before, 'image after a read-only session');
  });
  test('opens for writing if and only if it says so', async (f) => {
    if (!f.writable) {
      const before = await f.fingerprint();
      await rejectsWith(() => f.backend.open({ ...f.drive, readonly: false }, f.context));
      sameBytes(await f.fingerprint(), before, 'image after a refused open');
      return;
    }
    await withSession(f, false, async ({ device }) => deepStrictEqual(device.writable, true));
  });
  test('what was written is read back, now and after reopening', async (f) => {
    if (!f.writable) return;
    const expected = f.content.slice();
    const writes = [
      [0, 700],
      [4090, 20],
      [65530, 70000 - 65530 + 1000],
      [f.content.length - 300, 300],
    ] as const;
    await withSession(f, false, async ({ device }) => {
      for (const [i, [offset, length]] of writes.entries()) {
        const data = pattern(length, i + 2);
        expected.set(data, offset);
        await device.write(offset, data);
        data.fill(0);
        sameBytes(await device.read(0, expected.length), expected, `after write ${i}`);
      }
      await rejectsWith(() => device.write(device.size - 1, pattern(2)));
      await device.flush();
    });
    await withSession(f, true, async ({ device }) =>
      sameBytes(await device.read(0, expected.length), expected, 'after reopening'),
    );
  });
}

function lifetime(test: Test): void {
  test('closes twice, and then answers nothing', async (f) => {
    const session = await f.backend.open({ ...f.drive, readonly: true }, f.context);
    await session.close();
    await session.close();
    await rejectsWith(() => session.device.read(0, 512));
  });
}
