import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { lvmActions } from '@vmcraft/storage-lvm';
import { requireTools } from '@vmcraft/testkit';
import { describe, expect, it } from 'vitest';

const FILE = join(import.meta.dirname, '../../../shared/guestfs-api.json');

interface ApiFunction {
  readonly name: string;
  readonly theme: string;
  readonly args: readonly string[];
  readonly returns: string;
  readonly group?: string;
  readonly deprecatedBy?: string;
}

describe.runIf(requireTools(`data:${FILE}`))('the lvm theme', () => {
  it('has every function with its arguments and groups', () => {
    const { functions } = JSON.parse(readFileSync(FILE, 'utf8')) as { functions: ApiFunction[] };
    const expected = functions
      .filter((f) => f.theme === 'lvm')
      .map(({ name, args, group, deprecatedBy }) => ({
        name,
        args: args.map((a) => a.split(':')[0]),
        group,
        deprecatedBy,
      }));
    const found = lvmActions.map((action) => ({
      name: action.name,
      args: action.args.map((a) => a.name),
      group: 'group' in action ? action.group : undefined,
      deprecatedBy: 'deprecatedBy' in action ? action.deprecatedBy : undefined,
    }));
    const byName = (a: { readonly name: string }, b: { readonly name: string }): number => (a.name < b.name ? -1 : 1);
    expect([...found].sort(byName)).toEqual([...expected].sort(byName));
  });
});
