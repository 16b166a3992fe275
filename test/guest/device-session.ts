import { execFileSync, spawnSync } from 'node:child_process';
import { truncateSync, writeFileSync } from 'node:fs';
import { allActions } from '@vmcraft/core/actions';
import { ActionTable } from '@vmcraft/core/guest';
import { afterAll, expect, it } from 'vitest';
import { GuestFS, type OpenOptions } from 'vmcraft';
import { Workspace } from './image.js';
import { THEME_NAMES } from './theme-names.js';

export const MIB = 1 << 20;

/** Output of a host tool; throws when it fails. */
export const tool = (command: string, ...args: string[]): string =>
  execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

/** Exit status of a host tool, whatever it is. */
export const statusOf = (command: string, ...args: string[]): number | null =>
  spawnSync(command, args, { encoding: 'utf8' }).status;

/** Disks of a test file, and which functions it has called. */
export class DeviceTests {
  readonly space = new Workspace();
  readonly #called = new Set<string>();

  constructor(readonly theme: string) {
    afterAll(() => this.space[Symbol.dispose]());
  }

  /** An empty raw disk. */
  disk(name: string, size: number): string {
    const path = this.space.path(name);
    writeFileSync(path, '');
    truncateSync(path, size);
    return path;
  }

  /** The bytes of a disk from an offset on as a file of their own, for tools that know no offsets. */
  part(disk: string, start: number, size: number): string {
    const to = `${disk}.part`;
    tool(
      'dd',
      `if=${disk}`,
      `of=${to}`,
      'bs=1M',
      `skip=${start}`,
      `count=${size}`,
      'iflag=skip_bytes,count_bytes',
      'conv=sparse',
      'status=none',
    );
    return to;
  }

  /** Open disks, raw unless their names say qcow2, and commit at the end. */
  async with<T>(disks: readonly string[], work: (g: GuestFS) => Promise<T>, options: OpenOptions = {}): Promise<T> {
    const drives = disks.map((path) => ({ path, format: path.endsWith('.qcow2') ? 'qcow2' : 'raw' }));
    const g = await GuestFS.open(drives, options);
    g.session.events.on('enter', (name) => void this.#called.add(name));
    try {
      const result = await work(g);
      await g.close();
      return result;
    } catch (error) {
      await g.rollback();
      throw error;
    }
  }

  /** The last test of a file: that it called every function of its theme. */
  expectAllCalled(): void {
    it(`has called every function of the theme ${this.theme}`, () => {
      const names = THEME_NAMES[this.theme]!;
      const table = new ActionTable(allActions);
      expect(names.filter((name) => table.find(name)?.theme !== this.theme)).toEqual([]);
      expect(names.filter((name) => !this.#called.has(name))).toEqual([]);
    });
  }
}
