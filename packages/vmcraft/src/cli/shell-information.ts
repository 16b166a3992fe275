import { ShellError } from './language/shell-error.js';
import type { ShellRequest } from './options/shell-options.js';
import { EXIT } from './output/exit-codes.js';
import type { Personality } from './personality.js';
import type { GuestFactory } from './shell/guest.js';
import { helpText } from './shell/meta/control.js';
import { metaCommands } from './shell/meta/index.js';
import { preparedHelp } from './shell/prepared-disks.js';
import { version } from './version.js';

/** `--help`, `--version`, `--cmd-help` and `-N help`; the exit code. */
export async function showInformation(
  request: ShellRequest,
  personality: Personality,
  factory: GuestFactory,
): Promise<number> {
  switch (request.kind) {
    case 'version':
      process.stdout.write(`${personality.name} ${version}\n`);
      break;
    case 'usage':
      process.stdout.write(usage(personality.name));
      break;
    case 'prepared-help':
      process.stdout.write(preparedHelp(personality.name));
      break;
    case 'command-help':
      return commandHelp(request.command ?? '--list', factory);
    default:
  }
  return EXIT.ok;
}

/** Print the help page of a command or the list of all; the exit code. */
async function commandHelp(topic: string, factory: GuestFactory): Promise<number> {
  try {
    process.stdout.write(await commandHelpText(topic, factory));
    return EXIT.ok;
  } catch (error) {
    if (!(error instanceof ShellError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return EXIT.failure;
  }
}

/**
 * The help page of a command, or the list of all for `--list`.
 * @throws ShellError when there is no such command
 */
export async function commandHelpText(topic: string, factory: GuestFactory): Promise<string> {
  const guest = await factory({ dryRun: true, force: false });
  try {
    return helpText({ guest, meta: metaCommands() }, topic);
  } finally {
    await guest.rollback();
  }
}

/** What `--help` prints for the shell. */
export function usage(name: string): string {
  return `${name}: guest filesystem shell
${name} lets you look into and edit the file systems of virtual machine disks
Usage:
  ${name} [--options] cmd [: cmd : cmd ...]
Options:
  -h|--cmd-help        List available commands
  -h|--cmd-help cmd    Display detailed help on ‘cmd’
  -a|--add image       Add image
  --backend name       Use only this backend
  --blocksize[=512|4096]
                       Set sector size of the disk for -a option
  --csh                Make --listen csh-compatible
  --dry-run            Do everything, but write nothing
  --echo-keys          Don’t turn off echo for passphrases
  -f|--file file       Read commands from file
  --force              Write although another process holds the image
  --format[=raw|..]    Force disk format for -a option
  --help               Display brief help
  -i|--inspector       Automatically mount filesystems
  --json               Print results and errors as JSON, one object a line
  --key selector       Specify a LUKS key
  --keys-from-stdin    Read passphrases from stdin
  --listen             Listen for remote commands
  -m|--mount dev[:mnt[:opts[:fstype]]]
                       Mount dev on mnt (if omitted, /)
  -N|--new [filename=]type
                       Create prepared disk (test<N>.img or filename)
  -n|--no-sync         Don’t commit at the end
  --no-dest-paths      Don’t tab-complete paths from guest fs
  --pipe-error         Pipe commands can detect write errors
  --progress-bars      Enable progress bars even when not interactive
  --no-progress-bars   Disable progress bars
  --remote[=pid]       Send commands to a listening ${name}
  -r|--ro              Mount read-only
  --root device        With -i: which of several operating systems
  --run cmd            Run a command line; may be given several times
  -v|--verbose         Verbose messages
  -V|--version         Display version and exit
  -w|--rw              Mount read-write
  -x                   Echo each command before executing it
  -c, --network, --selinux are accepted and do nothing.

To examine a disk image, ISO, hard disk, filesystem etc:
  ${name} [--ro|--rw] -i -a /path/to/disk.img

‘--ro’ is recommended to avoid any writes to the disk image.

If ‘-i’ option fails run again without ‘-i’ and use ‘run’ +
‘list-filesystems’ + ‘mount’ cmds.

‘${name} -h’ lists all commands.
`;
}
