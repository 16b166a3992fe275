// The process that holds the library, without an appliance.
import { existsSync, statSync } from 'node:fs';
import { findTool, requireTools } from '@vmcraft/testkit';
import { describe, expect, it } from 'vitest';
import { hostLibrary, libraryAvailability } from '../src/host.js';
import { asText, Library } from '../src/library.js';
import { fieldsOf } from '../src/stat.js';

const start = (): Library => Library.start(findTool('perl')!, { progress: () => undefined, note: () => undefined });

describe.runIf(requireTools('guestfish', 'perl'))('the library in its process', () => {
  it('is found with its version', async () => {
    expect(await libraryAvailability()).toMatchObject({
      available: true,
      detail: expect.stringMatching(/^libguestfs 1\.\d+/),
    });
    expect(await hostLibrary()).toMatchObject({ version: expect.stringMatching(/^1\.\d+\.\d+$/) });
  });

  it('takes and gives any text, lists, structures and errors', async () => {
    const library = start();
    try {
      const odd = 'a "quoted" \'text\'\nwith lines, \\ and ümlaut $x @y';
      await library.call('set_append', [odd]);
      expect(asText((await library.call('get_append'))[0])).toBe(odd);
      await library.call('set_backend_settings', [['one', 'two words', '']]);
      expect((await library.call('get_backend_settings')).map(asText)).toEqual(['one', 'two words', '']);
      expect(asText(fieldsOf(await library.call('version')).get('major'))).toBe('1');
      expect(statSync(library.folder).mode & 0o777).toBe(0o700);
      await expect(library.call('no_such_function')).rejects.toThrow(/does not have it/);
      await expect(library.call('new', ['x'])).rejects.toThrow();
      await expect(library.call('lstatns', ['/'])).rejects.toMatchObject({
        code: expect.stringMatching(/^(EINVAL|VMC_HOST)$/),
      });
      await expect(library.call('add_drive', ['/nothing/there'])).rejects.toMatchObject({ code: 'ENOENT' });
    } finally {
      await library.close();
    }
    expect(existsSync(library.folder)).toBe(false);
    await expect(library.call('version')).rejects.toMatchObject({ code: 'VMC_HOST' });
  });

  it('ends the calls that wait when it is killed, and leaves nothing', async () => {
    const library = start();
    await library.call('version');
    const waiting = library.call('sleep', [60]).catch((error: unknown) => error);
    await library.kill();
    expect(await waiting).toMatchObject({ code: 'VMC_HOST' });
    expect(existsSync(library.folder)).toBe(false);
    await library.close();
  });

  it('gives a call up when the caller does', async () => {
    const library = start();
    const controller = new AbortController();
    const slow = library.callUntil(controller.signal, 'sleep', [1]);
    controller.abort();
    await expect(slow).rejects.toMatchObject({ code: 'VMC_ABORTED' });
    expect(asText(fieldsOf(await library.call('version')).get('major'))).toBe('1');
    await library.close();
  });
});
