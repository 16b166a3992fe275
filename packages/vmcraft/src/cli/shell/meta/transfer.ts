import { ShellError } from '../../language/shell-error.js';
import type { MetaCommand } from '../meta-command.js';

/** `copy-in` and `copy-out`: files and folders between host and guest. */
export const transferCommands: readonly MetaCommand[] = [
  {
    name: 'copy-in',
    aliases: [],
    summary: 'copy local files or directories into an image',
    synopsis: ['copy-in local [local ...] /remotedir'],
    doc: `"copy-in" copies local files or directories recursively into the disk image, placing them in the directory called /remotedir
(which must exist).

Several local files and directories can be given, but the last parameter must always be a remote directory. Wildcards cannot be used.`,
    async run(shell, words) {
      if (words.length < 2) {
        throw new ShellError("use 'copy-in <local> [<local>...] <remotedir>' to copy files into the image");
      }
      const target = words.at(-1)!;
      for (const local of words.slice(0, -1)) await shell.call('copy_in', [local, target]);
    },
  },
  {
    name: 'copy-out',
    aliases: [],
    summary: 'copy remote files or directories out of an image',
    synopsis: ['copy-out remote [remote ...] localdir'],
    doc: `"copy-out" copies remote files or directories recursively out of the disk image, placing them on the host disk in a local
directory called localdir (which must exist). No link is made that leaves that directory, and nothing is written through a link.

Several remote files and directories can be given, but the last parameter must always be a local directory: "copy-out /home ."
Wildcards work with the help of "glob": "glob copy-out /home/* ."`,
    async run(shell, words) {
      if (words.length < 2) {
        throw new ShellError("use 'copy-out <remote> [<remote>...] <localdir>' to copy files out of the image");
      }
      const target = words.at(-1)!;
      for (const remote of words.slice(0, -1)) await shell.call('copy_out', [remote, target]);
    },
  },
];
