import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { HostError, UsageError } from '@vmcraft/core/errors';
import { parseSize } from '../../language/number.js';
import { ShellError } from '../../language/shell-error.js';
import { runLocal } from '../local-command.js';
import type { MetaCommand } from '../meta-command.js';
import { withScratchFolder } from '../scratch-folder.js';
import type { Shell } from '../shell.js';

/** Quoted for the host's shell. */
function quoted(path: string): string {
  return `'${path.replaceAll("'", "'\\''")}'`;
}

/** Run an editor or viewer on a local file; an error when it says that it failed. */
async function runProgram(shell: Shell, program: string, path: string): Promise<void> {
  const status = await runLocal(`${program} ${quoted(path)}`, shell.output);
  if (status !== 0) {
    throw new HostError({
      path: program,
      operation: 'run',
      reason: `exited with status ${status}; nothing was changed`,
    });
  }
}

async function edit(shell: Shell, words: readonly string[], typed: string): Promise<void> {
  if (words.length !== 1) throw new ShellError(`use '${typed} filename' to edit a file`);
  const editor = typed === 'edit' ? (process.env.EDITOR ?? 'vi') : typed;
  // The file itself is replaced, not a link that leads to it.
  const path = await shell.call<string>('realpath', [words[0]!]);
  await withScratchFolder(async (folder) => {
    const local = join(folder, basename(path).replaceAll('\0', '') || 'file');
    await shell.call('download', [path, local]);
    const before = await readFile(local);
    await runProgram(shell, editor, local);
    const after = await readFile(local);
    if (!after.equals(before)) await replaceFile(shell, path, local);
  });
}

/** Put a local file in the place of a guest file, keeping owner, mode and extended attributes. */
async function replaceFile(shell: Shell, path: string, local: string): Promise<void> {
  const folder = path.slice(0, path.lastIndexOf('/') + 1);
  const fresh = `${folder}.vmcraft-${process.pid}-${Date.now().toString(36)}`;
  try {
    await shell.call('upload', [local, fresh]);
    await shell.call('copy_attributes', [path, fresh], { all: true });
    await shell.call('mv', [fresh, path]);
  } catch (error) {
    await shell.call('rm_f', [fresh]).catch(() => {});
    throw error;
  }
}

const LARGE = 1048576 * 100;

async function hexedit(shell: Shell, words: readonly string[]): Promise<void> {
  if (words.length < 1 || words.length > 3) {
    throw new ShellError('hexedit (device|filename) [max | start max]');
  }
  const path = words[0]!;
  const start = words.length === 3 ? parseSize(words[1]!) : 0;
  const whole = path.startsWith('/dev/')
    ? await shell.call<number>('blockdev_getsize64', [path])
    : await shell.call<number>('filesize', [path]);
  const limit = words.length === 1 ? undefined : parseSize(words.at(-1)!);
  if (limit === undefined && whole > LARGE) {
    throw new UsageError(`${path} is ${whole} bytes; give the part to edit`, {
      hint: 'hexedit PATH MAX, or hexedit PATH START MAX',
    });
  }
  const length = Math.min(limit ?? whole, Math.max(0, whole - start));
  await withScratchFolder(async (folder) => {
    const local = join(folder, 'hexedit');
    await shell.call('download_offset', [path, local, start, length]);
    const before = await readFile(local);
    await runProgram(shell, process.env.HEXEDITOR ?? 'hexedit', local);
    if ((await stat(local)).size !== length) {
      throw new UsageError(`the edited part has another size than before (${length} bytes); nothing was changed`);
    }
    if (!(await readFile(local)).equals(before))
      await shell.call('upload_offset', [createReadStream(local), path, start]);
  });
}

async function display(shell: Shell, words: readonly string[]): Promise<void> {
  if (words.length !== 1) throw new ShellError('display filename');
  const own = process.env.GUESTFISH_DISPLAY_IMAGE;
  if (own === undefined && process.env.DISPLAY === undefined && process.env.WAYLAND_DISPLAY === undefined) {
    throw new UsageError('display: there is no graphical screen here (DISPLAY is not set)', {
      hint: 'copy the picture out with copy-out, or name a viewer in GUESTFISH_DISPLAY_IMAGE',
    });
  }
  await withScratchFolder(async (folder) => {
    const local = join(folder, 'image');
    await shell.call('download', [words[0]!, local]);
    await runProgram(shell, own ?? 'display', local);
  });
}

/** Commands that hand a guest file to a program of the host. */
export const editCommands: readonly MetaCommand[] = [
  {
    name: 'edit',
    aliases: ['vi', 'emacs'],
    summary: 'edit a file',
    synopsis: ['edit filename', 'vi filename', 'emacs filename'],
    doc: `This is used to edit a file. It downloads the file, edits it locally using your editor, then uploads the result if it changed,
with the owner, mode and extended attributes it had.

The editor is $EDITOR. However if you use the alternate commands "vi" or "emacs" you will get those corresponding editors.`,
    run: edit,
  },
  {
    name: 'hexedit',
    aliases: [],
    summary: 'edit with a hex editor',
    synopsis: [
      'hexedit <filename|device>',
      'hexedit <filename|device> <max>',
      'hexedit <filename|device> <start> <max>',
    ],
    doc: `Use hexedit (a hex editor) to edit all or part of a binary file or block device. If it is large, you have to say which part,
with "max" and/or "start" "max", in bytes, with the usual suffixes such as "1M".

This command requires the external hexedit(1) program. You can name another program in the HEXEDITOR environment variable.`,
    run: hexedit,
  },
  {
    name: 'display',
    aliases: [],
    summary: 'display an image',
    synopsis: ['display filename'],
    doc: `Use "display" (a graphical display program) to display an image file. To use another program, name it in the
GUESTFISH_DISPLAY_IMAGE environment variable. It needs a graphical screen.`,
    run: display,
  },
];
