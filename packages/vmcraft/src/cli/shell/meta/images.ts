import { open } from 'node:fs/promises';
import { HostError, messageOf, UsageError } from '@vmcraft/core/errors';
import { parseSize } from '../../language/number.js';
import { ShellError } from '../../language/shell-error.js';
import type { MetaCommand } from '../meta-command.js';
import type { Shell } from '../shell.js';

const CHUNK = 1048576;

/**
 * Make an image file of a size on the host: with all its blocks allocated, or sparse. A file that is there is overwritten.
 * @throws HostError when the host refuses or is full
 */
export async function createImageFile(path: string, size: number, allocation: 'full' | 'sparse'): Promise<void> {
  try {
    const file = await open(path, 'w', 0o666);
    try {
      const zeros = new Uint8Array(Math.min(CHUNK, size));
      if (allocation === 'full') {
        for (let at = 0; at < size; at += CHUNK) await file.write(zeros, 0, Math.min(CHUNK, size - at), at);
      }
      await file.truncate(size);
    } finally {
      await file.close();
    }
  } catch (cause) {
    const errno = (cause as NodeJS.ErrnoException).code;
    const reason = messageOf(cause);
    throw new HostError({ path, operation: 'create image', reason, ...(errno === undefined ? {} : { errno }) }, cause);
  }
}

async function allocate(shell: Shell, words: readonly string[], allocation: 'full' | 'sparse'): Promise<void> {
  const [path, size] = words;
  if (path === undefined || size === undefined || words.length !== 2) {
    throw new ShellError(
      allocation === 'full'
        ? "use 'alloc file size' to create an image"
        : "use 'sparse file size' to create a sparse image",
    );
  }
  const bytes = parseSize(size);
  if (shell.settings.dryRun) throw new UsageError(`${path}: --dry-run creates no files`);
  await createImageFile(path, bytes, allocation);
  await shell.call('add_drive', [path], { format: 'raw' });
}

/** `alloc` and `sparse`: make an image file and add it. */
export const imageCommands: readonly MetaCommand[] = [
  {
    name: 'alloc',
    aliases: ['allocate'],
    summary: 'allocate and add a disk file',
    synopsis: ['alloc filename size'],
    doc: `This creates an empty (zeroed) file of the given size, and then adds it so it can be further examined. A file of that name
is overwritten. For more advanced image creation, see "disk-create".

Size can be given with the usual suffixes, for example "1M". To create a sparse file, use "sparse" instead. To create a prepared disk
image, see the option -N.`,
    run: (shell, words) => allocate(shell, words, 'full'),
  },
  {
    name: 'sparse',
    aliases: [],
    summary: 'create a sparse disk image and add',
    synopsis: ['sparse filename size'],
    doc: `This creates an empty sparse file of the given size, and then adds it so it can be further examined. It works as "alloc",
but blocks of the host are not assigned to the file until they are needed.

Size can be given with the usual suffixes, for example "1M". See also "scratch" and "disk-create".`,
    run: (shell, words) => allocate(shell, words, 'sparse'),
  },
];
