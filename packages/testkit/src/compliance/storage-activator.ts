import { deepStrictEqual, ok } from 'node:assert/strict';
import type { BlockDevice, Member, StorageActivator, Volume } from '@vmcraft/core';
import { MemoryDevice } from '@vmcraft/core';
import { pattern, rejectsWith, sameBytes } from '../expectations.js';
import type { TestRunner } from '../runner.js';

/** What an activator's test hands to {@link storageActivatorCompliance}; made anew for every test. */
export interface StorageActivatorFixture {
  readonly activator: StorageActivator;
  /** All members of one group. */
  readonly devices: readonly BlockDevice[];
  /** Member type that `probe` must say. */
  readonly memberType: string;
  /** Contents of each volume by name, or their first bytes. */
  readonly volumes: Readonly<Record<string, Uint8Array>>;
  /** The secret, when the members are locked. */
  readonly key?: Uint8Array;
  /** Whether the volumes can be written. */
  readonly writable: boolean;
  dispose?(): Promise<void>;
}

type Test = (name: string, body: (f: StorageActivatorFixture) => Promise<void>) => void;

/** Test a {@link StorageActivator}. */
export function storageActivatorCompliance(
  runner: TestRunner,
  target: { readonly name: string; create(): Promise<StorageActivatorFixture> },
): void {
  const test: Test = (name, body) =>
    runner.it(name, async () => {
      const fixture = await target.create();
      try {
        await body(fixture);
      } finally {
        await fixture.dispose?.();
      }
    });
  runner.describe(`storage activator compliance: ${target.name}`, () => {
    probing(test);
    activation(test);
    credentials(test);
  });
}

async function members(f: StorageActivatorFixture): Promise<Member[]> {
  const out: Member[] = [];
  for (const [i, device] of f.devices.entries()) {
    const member = await f.activator.probe(device);
    ok(member !== undefined, `device ${i} is a member`);
    out.push({ ...member, deviceName: `/dev/sd${String.fromCharCode(97 + i)}` });
  }
  return out;
}

async function activate(f: StorageActivatorFixture, keys: readonly Uint8Array[]): Promise<readonly Volume[]> {
  return f.activator.activate(await members(f), { keys: { keysFor: async () => keys }, warn: () => undefined });
}

const keysOf = (f: StorageActivatorFixture): readonly Uint8Array[] => (f.key === undefined ? [] : [f.key]);

function probing(test: Test): void {
  test('recognises every member of the group, with one group id', async (f) => {
    const found = await members(f);
    deepStrictEqual(new Set(found.map((m) => m.groupId)).size, 1);
    for (const member of found) deepStrictEqual(member.type, f.memberType);
  });
  test('does not recognise foreign bytes, and never throws for them', async (f) => {
    for (const size of [0, 511, 4096, 1 << 20]) {
      deepStrictEqual(await f.activator.probe(new MemoryDevice(size)), undefined);
      deepStrictEqual(await f.activator.probe(MemoryDevice.from(pattern(size))), undefined);
    }
  });
}

function activation(test: Test): void {
  test('brings up the volumes with their contents, changing no member', async (f) => {
    const before = await Promise.all(f.devices.map(async (d) => (await d.read(0, Math.min(d.size, 1 << 20))).slice()));
    const volumes = await activate(f, keysOf(f));
    deepStrictEqual(volumes.map((v) => v.name).sort(), Object.keys(f.volumes).sort());
    for (const volume of volumes) {
      const expected = f.volumes[volume.name] as Uint8Array;
      sameBytes(await volume.device.read(0, expected.length), expected, volume.name);
      await rejectsWith(() => volume.device.read(volume.device.size, 1));
    }
    for (const [i, d] of f.devices.entries()) {
      sameBytes(await d.read(0, Math.min(d.size, 1 << 20)), before[i] as Uint8Array, `member ${i}`);
    }
  });
  test('writes go through to the members if and only if it says so', async (f) => {
    const name = Object.keys(f.volumes)[0];
    const volume = (await activate(f, keysOf(f))).find((v) => v.name === name);
    ok(volume !== undefined, 'a volume');
    if (!f.writable) {
      await rejectsWith(() => volume.device.write(0, pattern(512)), ['VMC_READ_ONLY']);
      return;
    }
    await volume.device.write(100, pattern(1000, 9));
    await volume.device.flush();
    const again = (await activate(f, keysOf(f))).find((v) => v.name === name);
    sameBytes(await (again as Volume).device.read(100, 1000), pattern(1000, 9), 'after activating again');
  });
}

function credentials(test: Test): void {
  test('asks for a key when there is none, and refuses a wrong one', async (f) => {
    if (f.key === undefined) return;
    await rejectsWith(() => activate(f, []), ['VMC_KEY_REQUIRED']);
    await rejectsWith(() => activate(f, [Uint8Array.of(1, 2, 3)]), ['VMC_KEY_WRONG']);
  });
}
