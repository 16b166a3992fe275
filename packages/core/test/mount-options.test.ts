import { MountOptionTable, type Warning } from '@vmcraft/core';
import { describe, expect, it } from 'vitest';

describe('options of mount(8)', () => {
  const table = new MountOptionTable(['uid=5,umask=022', 'ro', 'uid=7', 'x-systemd.automount', 'odd=1', 'links=wsl']);

  it('are words and values, of which the last counts', () => {
    expect(table.has('ro')).toBe(true);
    expect(table.integer('uid', { max: 10 }, 0)).toBe(7);
    expect(table.integer('umask', { radix: 8, max: 0o777 }, 0)).toBe(0o22);
    expect(table.integer('gid', { max: 10 }, 3)).toBe(3);
    expect(table.choice('links', ['windows', 'wsl'], 'windows')).toBe('wsl');
  });

  it.each(['-5', '11', '7up', '', '0x1'])('refuses the number %j', (text) => {
    expect(() => new MountOptionTable([`uid=${text}`]).integer('uid', { max: 10 }, 0)).toThrow(/uid=.* 0 to 10/);
  });

  it('refuses a word that is none of the choices, and warns of what nobody knows', () => {
    expect(() => table.choice('links', ['windows'], 'windows')).toThrow(/none of windows/);
    const warnings: Warning[] = [];
    table.warnOfOthers(new Set(['uid', 'umask', 'links']), 'test', (warning) => warnings.push(warning));
    expect(warnings.map(({ message }) => message)).toEqual([expect.stringContaining("'odd'")]);
  });
});
