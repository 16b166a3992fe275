import { deepStrictEqual, ok } from 'node:assert/strict';
import type { Fact, GuestView, OperatingSystem, OsInspector } from '@vmcraft/core';
import type { TestRunner } from '../runner.js';

/** What an inspector's test hands to {@link osInspectorCompliance}; made anew for every test. */
export interface OsInspectorFixture {
  readonly inspector: OsInspector;
  readonly view: GuestView;
  /** Mountable of a root of this inspector's. */
  readonly root: string;
  /** Mountable of a file system that is none. */
  readonly foreign: string;
  /** Values that must be found, by field. */
  readonly facts: Readonly<Partial<Record<keyof OperatingSystem, string | number>>>;
}

type Test = (name: string, body: (f: OsInspectorFixture) => Promise<void>) => void;

/** Test an {@link OsInspector}. */
export function osInspectorCompliance(
  runner: TestRunner,
  target: { readonly name: string; create(): Promise<OsInspectorFixture> },
): void {
  const test: Test = (name, body) => runner.it(name, async () => body(await target.create()));
  runner.describe(`OS inspector compliance: ${target.name}`, () => {
    test('finds its system and its facts', async (f) => {
      const os = await found(f);
      for (const [field, value] of Object.entries(f.facts)) {
        deepStrictEqual((os[field as keyof OperatingSystem] as Fact<unknown> | undefined)?.value, value, field);
      }
    });
    test('finds nothing on a foreign file system', async (f) => {
      deepStrictEqual(await f.inspector.inspect(f.view, f.foreign), undefined);
    });
    test('says the same twice', async (f) => {
      deepStrictEqual(await found(f), await found(f));
    });
    sources(test);
    mountPoints(test);
    test('lists applications with a name and a version each', async (f) => {
      for (const app of (await f.inspector.applications?.(f.view, await found(f))) ?? []) {
        ok(app.name.length > 0, 'a name');
        deepStrictEqual(typeof app.version, 'string');
      }
    });
  });
}

async function found(f: OsInspectorFixture): Promise<OperatingSystem> {
  const os = await f.inspector.inspect(f.view, f.root);
  ok(os !== undefined, 'the system is found');
  return os;
}

const isFact = (value: unknown): value is Fact<unknown> =>
  typeof value === 'object' && value !== null && 'value' in value && 'source' in value;

function sources(test: Test): void {
  test('every fact names a file or device that exists', async (f) => {
    const os = await found(f);
    const mounts = new Map(os.mountPoints.map((m) => [m.path, m.mountable]));
    const tree = await f.view.mountedTree(mounts);
    const facts = Object.entries(os).filter(([, value]) => isFact(value)) as [string, Fact<unknown>][];
    ok(facts.length > 0, 'there are facts');
    for (const [field, { source }] of facts) {
      const device = f.view.filesystems.some((fs) => fs.mountable === source);
      ok(
        device || (await tree.exists(source)) || (await tree.lstat(source)) !== undefined,
        `${field}: ${source} exists`,
      );
    }
  });
}

function mountPoints(test: Test): void {
  test('mount points start at the root, parents first, and belong to its file systems', async (f) => {
    const os = await found(f);
    deepStrictEqual(os.root, f.root);
    deepStrictEqual(os.mountPoints[0]?.path, '/');
    deepStrictEqual(os.mountPoints[0]?.mountable, f.root);
    const paths = os.mountPoints.map((m) => m.path);
    deepStrictEqual(new Set(paths).size, paths.length, 'each path once');
    for (const [i, path] of paths.entries()) {
      ok(
        !paths.slice(i + 1).some((later) => path.startsWith(`${later === '/' ? '' : later}/`) && later !== path),
        `${path} comes after its parents`,
      );
    }
    for (const point of os.mountPoints) ok(os.filesystems.includes(point.mountable), `${point.mountable} is listed`);
  });
}
