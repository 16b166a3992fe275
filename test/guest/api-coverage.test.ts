import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { allActions } from '@vmcraft/core/actions';
import { ActionTable, type AnyAction, type ArgKind, structs } from '@vmcraft/core/guest';
import { requireTools } from '@vmcraft/testkit';
import { describe, expect, it } from 'vitest';

/** Options that guestfs does not have: its appliance has the network or not as a whole, and programs there run as long as they like. */
const OF_COMMANDS = ['network: Bool', 'timeout: Int', 'memorylimit: Int64', 'processlimit: Int'];
const MORE_OPTIONS: ReadonlyMap<string, readonly string[]> = new Map([
  ...['command', 'command_lines', 'command_out', 'sh', 'sh_lines', 'sh_out'].map(
    (name): [string, readonly string[]] => [name, OF_COMMANDS],
  ),
  // guestfs opens no detached headers.
  ['cryptsetup_open', ['header: String']],
]);

const FILE = join(import.meta.dirname, '../../../shared/guestfs-api.json');
const THEMES = [
  'handle-appliance',
  'mount',
  'files',
  'inspection',
  'block-device',
  'partition',
  'filesystem',
  'zero-discard',
  'e2fs',
  'archive-transfer',
  'text-search',
  'checksum',
  'xattr',
  'acl-caps',
  'luks',
];

interface ApiFunction {
  readonly name: string;
  readonly theme: string;
  readonly args: readonly string[];
  readonly options?: readonly string[];
  readonly returns: string;
  readonly group?: string;
  readonly aliases?: readonly string[];
  readonly deprecatedBy?: string;
}

const kindText = ({ name, list }: ArgKind): string => {
  if (list) return `StringList(${name})`;
  return ['Int', 'Int64', 'Bool', 'BufferIn', 'OptString'].includes(name) ? name : `String(${name})`;
};

/** Options are described without the kind of text. */
const optionText = (kind: ArgKind): string => kindText(kind).replace(/\(PlainString\)$/, '');

function returnText(returns: AnyAction['returns']): string {
  if (typeof returns === 'string') return returns;
  if ('struct' in returns) return `RStruct(${returns.struct})`;
  return 'structList' in returns ? `RStructList(${returns.structList})` : 'a plain value';
}

/** What the description and an action must have in common. */
function describeAction(action: AnyAction): Record<string, unknown> {
  return {
    name: action.name,
    theme: action.theme,
    args: action.args.map((a) => `${a.name}: ${kindText(a.kind)}`),
    options: Object.entries(action.options ?? {}).map(([name, kind]) => `${name}: ${optionText(kind)}`),
    returns: returnText(action.returns),
    group: action.group,
    aliases: action.aliases ?? [],
    deprecatedBy: action.deprecatedBy,
  };
}

function describeFunction(f: ApiFunction): Record<string, unknown> & { name: string } {
  const returns = f.returns.startsWith('RStruct') ? f.returns : f.returns.replace(/\(.*\)$/, '');
  return {
    name: f.name,
    theme: f.theme,
    args: f.args.map((a) => a.replace('Pointer(virDomainPtr)', 'String(PlainString)')),
    options: f.options ?? [],
    returns,
    group: f.group,
    aliases: f.aliases ?? [],
    deprecatedBy: f.deprecatedBy,
  };
}

describe.runIf(requireTools(`data:${FILE}`))('the guestfs interface', () => {
  const api = JSON.parse(readFileSync(FILE, 'utf8')) as {
    functions: ApiFunction[];
    structs: Record<string, Record<string, string>>;
  };
  const table = new ActionTable(allActions);

  it.each(THEMES)('has every function of the theme %s, as guestfs declares it', (theme) => {
    const expected = api.functions.filter((f) => f.theme === theme).map(describeFunction);
    const found = expected.map((f) => {
      const action = table.find(f.name);
      if (action === undefined) return { name: f.name };
      const shape = describeAction(action);
      const more = MORE_OPTIONS.get(action.name) ?? [];
      return { ...shape, options: (shape.options as string[]).filter((option) => !more.includes(option)) };
    });
    expect(found).toEqual(expected);
  });

  it('declares no function of guestfs differently in any theme', () => {
    const byName = new Map(api.functions.map((f) => [f.name, f]));
    for (const action of table) {
      const f = byName.get(action.name);
      if (f !== undefined) {
        const { options, ...shape } = describeAction(action);
        const { options: theirs, ...theirShape } = describeFunction(f);
        expect(shape).toEqual(theirShape);
        expect(options, action.name).toEqual([
          ...(theirs as readonly string[]),
          ...(MORE_OPTIONS.get(action.name) ?? []),
        ]);
      } else expect(action.since, `${action.name} is not of guestfs and says since when it is there`).toBeDefined();
    }
  });

  it('has every structure, field by field', () => {
    expect(JSON.stringify(structs)).toBe(JSON.stringify(api.structs));
  });

  it('finds actions under all their names', () => {
    for (const name of ['mkdir_mode', 'mkdir-mode', 'mkdirMode']) expect(table.get(name).name).toBe('mkdir_mode');
    expect(table.get('add').name).toBe('add_drive');
    expect(table.get('add-ro').name).toBe('add_drive_ro');
    expect(table.find('no_such_thing')).toBeUndefined();
  });
});
