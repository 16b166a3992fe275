import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { mdActions } from '@vmcraft/storage-mdraid';
import { requireTools } from '@vmcraft/testkit';
import { describe, expect, it } from 'vitest';

const FILE = join(import.meta.dirname, '../../../shared/guestfs-api.json');

interface ApiFunction {
  readonly name: string;
  readonly theme: string;
  readonly args: readonly string[];
  readonly options?: readonly string[];
  readonly group?: string;
}

describe.runIf(requireTools(`data:${FILE}`))('the md theme', () => {
  it('has every function with its arguments, options and groups', () => {
    const { functions } = JSON.parse(readFileSync(FILE, 'utf8')) as { functions: ApiFunction[] };
    const names = (list: readonly string[] | undefined) => (list ?? []).map((a) => a.split(':')[0]);
    const expected = functions
      .filter((f) => f.theme === 'md')
      .map(({ name, args, options, group }) => ({ name, args: names(args), options: names(options), group }));
    const found = mdActions.map((action) => ({
      name: action.name,
      args: action.args.map((a) => a.name),
      options: Object.keys(('options' in action ? action.options : undefined) ?? {}),
      group: 'group' in action ? action.group : undefined,
    }));
    const byName = (a: { readonly name: string }, b: { readonly name: string }): number => (a.name < b.name ? -1 : 1);
    expect([...found].sort(byName)).toEqual([...expected].sort(byName));
  });
});
