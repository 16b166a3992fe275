import type {
  BlockBackend,
  BlockDevice,
  BlockSession,
  FileSystem,
  FsDriver,
  GuestView,
  Member,
  OperatingSystem,
  OsInspector,
  StorageActivator,
} from '@vmcraft/core';
import { describe, expect, it } from 'vitest';
import {
  blockBackendCompliance,
  collect,
  fsDriverCompliance,
  osInspectorCompliance,
  storageActivatorCompliance,
} from '../src/index.js';
import { backendFixture, driverFixture, inspectorFixture, storageFixture } from './fixtures.js';

/** Replace some members of an object, leaving the rest to it. */
function altered<T extends object>(inner: T, change: Partial<Record<keyof T, unknown>>): T {
  return new Proxy(inner, {
    get: (target, key) => {
      if (key in change) return change[key as keyof T];
      const value = Reflect.get(target, key, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

type DeviceChange = (device: BlockDevice) => Partial<Record<keyof BlockDevice, unknown>>;

function backendWith(change: DeviceChange): BlockBackend {
  const { backend } = backendFixture();
  return altered(backend, {
    open: async (...args: Parameters<BlockBackend['open']>): Promise<BlockSession> => {
      const session = await backend.open(...args);
      return altered(session, { device: altered(session.device, change(session.device)) });
    },
  });
}

function neverClosing(): BlockBackend {
  const { backend } = backendFixture();
  const open = async (...args: Parameters<BlockBackend['open']>) =>
    altered(await backend.open(...args), { close: async () => undefined });
  return altered(backend, { open });
}

const wrongBackends: Record<string, [BlockBackend, RegExp]> = {
  'returns short reads': [
    backendWith((d) => ({ read: async (o: number, n: number) => (await d.read(o, n)).subarray(1) })),
    /reads every byte/,
  ],
  'is off by one sector': [
    backendWith((d) => ({
      read: (o: number, n: number) => d.read(o >= 512 && o + n + 512 <= d.size ? o + 512 : o, n),
    })),
    /reads every byte/,
  ],
  'loses writes': [backendWith(() => ({ write: async () => undefined })), /read back|refuses writes/],
  'lies about being writable': [backendWith(() => ({ writable: true })), /read-only session/],
  'ignores abort': [backendWith((d) => ({ read: (o: number, n: number) => d.read(o, n) })), /stops when told/],
  'keeps answering after close': [neverClosing(), /answers nothing/],
  'reads zeros past the end': [
    backendWith((d) => ({
      read: async (o: number, n: number) => (o < 0 || o + n > d.size ? new Uint8Array(n) : d.read(o, n)),
    })),
    /outside the device/,
  ],
};

type FsChange = (fs: FileSystem) => Partial<Record<string, unknown>>;

async function driverWith(change: FsChange): Promise<FsDriver> {
  const { driver } = await driverFixture();
  return altered(driver, {
    open: async (...args: Parameters<FsDriver['open']>) => {
      const fs = await driver.open(...args);
      return altered(fs, change(fs) as Partial<Record<keyof FileSystem, unknown>>);
    },
  });
}

const wrongDrivers: Record<string, [FsChange, RegExp]> = {
  'declares what it cannot do': [() => ({ abilities: new Set(['write', 'xattr']) }), /declared abilities/],
  'lists dot entries': [
    (fs) => ({
      readdir: async function* () {
        yield { name: '.', node: fs.root, type: 'd' };
      },
    }),
    /never listed/,
  ],
  'forgets on close': [() => ({ close: async () => undefined, sync: async () => undefined }), /there after closing/],
  'removes full directories': [
    (fs) => ({ rmdir: (fs as unknown as { unlink: unknown }).unlink && (async () => undefined) }),
    /errors are those of POSIX/,
  ],
  'reads garbage in gaps': [
    (fs) => ({ read: async (...a: Parameters<FileSystem['read']>) => (await fs.read(...a)).map((b) => b || 1) }),
    /gaps are zeros/,
  ],
};

describe('the suites notice wrong implementations', () => {
  for (const [name, [backend, failing]] of Object.entries(wrongBackends)) {
    it(`a backend that ${name}`, async () => {
      const results = await collect((runner) =>
        blockBackendCompliance(runner, { name, create: async () => ({ ...backendFixture(), backend }) }),
      );
      expect(
        results
          .filter((r) => r.error !== undefined)
          .map((r) => r.name)
          .join('\n'),
      ).toMatch(failing);
    });
  }
  for (const [name, [change, failing]] of Object.entries(wrongDrivers)) {
    it(`a file system that ${name}`, async () => {
      const driver = await driverWith(change);
      const results = await collect((runner) =>
        fsDriverCompliance(runner, { name, create: async () => ({ ...(await driverFixture()), driver }) }),
      );
      expect(
        results
          .filter((r) => r.error !== undefined)
          .map((r) => r.name)
          .join('\n'),
      ).toMatch(failing);
    });
  }
  it('a driver that claims anything', async () => {
    const create = async () => {
      const fixture = await driverFixture();
      return { ...fixture, driver: altered(fixture.driver, { probe: async () => ({ type: 'memfs' }) }) };
    };
    const results = await collect((runner) => fsDriverCompliance(runner, { name: 'greedy', create }));
    expect(
      results
        .filter((r) => r.error !== undefined)
        .map((r) => r.name)
        .join(),
    ).toMatch(/does not recognise zeros/);
  });
});

describe('the suites notice wrong activators and inspectors', () => {
  const activatorWith = (change: Partial<Record<keyof StorageActivator, unknown>>) =>
    collect((runner) =>
      storageActivatorCompliance(runner, {
        name: 'wrong',
        create: async () => {
          const fixture = storageFixture();
          return { ...fixture, activator: altered(fixture.activator, change) };
        },
      }),
    );
  it('an activator that claims foreign devices', async () => {
    const probe = async (device: BlockDevice): Promise<Member> => ({
      type: 'reference_member',
      groupId: 'g',
      uuid: 'u',
      device,
    });
    const results = await activatorWith({ probe });
    expect(results.some((r) => r.error !== undefined && /foreign bytes/.test(r.name))).toBe(true);
  });
  it('an activator that hands out the member itself', async () => {
    const activate = async (members: readonly Member[]) =>
      members.map((m) => ({ name: `/dev/reference/${m.groupId}`, kind: 'x', device: m.device }));
    const results = await activatorWith({ activate });
    expect(results.some((r) => r.error !== undefined && /their contents/.test(r.name))).toBe(true);
  });
  const inspectorWith = (change: (os: OperatingSystem) => OperatingSystem, always = false) =>
    collect((runner) =>
      osInspectorCompliance(runner, {
        name: 'wrong',
        create: async () => {
          const fixture = inspectorFixture();
          const inspect: OsInspector['inspect'] = async (view: GuestView, root: string) => {
            const os = await fixture.inspector.inspect(view, always ? fixture.root : root);
            return os === undefined ? undefined : change(os);
          };
          return { ...fixture, inspector: altered(fixture.inspector, { inspect }) };
        },
      }),
    );
  it('an inspector that invents its sources', async () => {
    const results = await inspectorWith((os) => ({ ...os, hostname: { value: 'x', source: '/no/such/file' } }));
    expect(results.some((r) => r.error !== undefined && /every fact names/.test(r.name))).toBe(true);
  });
  it('an inspector that sees its system everywhere', async () => {
    const results = await inspectorWith((os) => os, true);
    expect(results.some((r) => r.error !== undefined && /foreign/.test(r.name))).toBe(true);
  });
  it('an inspector that forgets the root', async () => {
    const results = await inspectorWith((os) => ({ ...os, mountPoints: [] }));
    expect(results.some((r) => r.error !== undefined && /mount points/.test(r.name))).toBe(true);
  });
});
