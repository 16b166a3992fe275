import { Command, InvalidArgumentError, Option } from 'commander';
import { INSPECTION_FORMATS, type InspectionFormat } from '../../inspect/render.js';
import { type KeySelector, parseKeySelector } from '../options/key-selector.js';
import { ROOT_HELP, TASK_EXAMPLES } from './examples.js';
import { kernelTasks } from './kernel-tasks.js';
import type { DiskOptions, GlobalOptions, TaskContext } from './task-context.js';
import { windowsTasks } from './windows-tasks.js';

/** Makes the context of a task from the options that all tasks take. */
export type ContextMaker = (global: GlobalOptions) => TaskContext;

type Action = (
  context: TaskContext,
  operands: string[],
  options: DiskOptions & Record<string, unknown>,
) => Promise<void>;

const collect = (value: string, all: string[]): string[] => [...all, value];

function collectKey(value: string, all: KeySelector[]): KeySelector[] {
  try {
    return [...all, parseKeySelector(value)];
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}

/** Options of every task. */
function addGlobalOptions(command: Command): Command {
  return command
    .option('--json', 'print the result, and errors, as JSON')
    .option('-v, --verbose', 'say more; print the causes of an error')
    .option('--dry-run', 'do everything, but write nothing')
    .option('--force', 'write although another process holds the image')
    .option('--backend <name>', 'use only this backend (see vmcraft plugins)')
    .option('--progress-bars', 'show progress also when standard error is no terminal')
    .option('--no-progress-bars', 'show no progress');
}

/** Options that name disks. */
function addDiskOptions(command: Command): Command {
  return command
    .option('-a, --add <disk>', 'a disk image, device or URI; several make one guest', collect, [])
    .option('--image-format <format>', 'format of the images: raw, qcow2, vmdk, vpc, vhdx, vdi (default: detect)')
    .option('-m, --mount <dev[:mnt[:opts[:fs]]]>', 'mount this instead of looking for an operating system', collect, [])
    .option('--root <device>', 'which operating system, when there are several')
    .option(
      '--key <selector>',
      "key of an encrypted device: ID:key:KEY or ID:file:PATH, ID may be 'all'",
      collectKey,
      [],
    )
    .option('--keys-from-stdin', 'read a key from standard input');
}

function contextFor(options: Record<string, unknown>, make: ContextMaker): TaskContext {
  const { json, verbose, dryRun, force, backend, progressBars } = options as Partial<GlobalOptions>;
  return make({
    json: json === true,
    verbose: verbose === true,
    dryRun: dryRun === true,
    force: force === true,
    ...(backend === undefined ? {} : { backend }),
    ...(progressBars === undefined ? {} : { progressBars }),
  });
}

/** Declares one task. */
export class TaskBuilder {
  constructor(
    readonly program: Command,
    private readonly make: ContextMaker,
  ) {}

  /** A task on disks: without `-a`, its first operand is the disk. */
  disks(
    signature: string,
    summary: string,
    operands: number | 'any',
    configure: (c: Command) => void,
    action: Action,
  ): void {
    const command = this.#declare(signature, summary);
    addDiskOptions(command);
    configure(command);
    command.action(async () => {
      const options = command.opts<Record<string, unknown>>();
      const words = [...command.args];
      let add = options.add as string[];
      if (operands === 'any') add = [...add, ...words.splice(0)];
      else if (add.length === 0) add = words.splice(0, 1);
      if (operands !== 'any' && (add.length === 0 || words.length < operands))
        command.error(`error: missing arguments; usage: vmcraft ${signature}`);
      const disks = { ...options, add } as unknown as DiskOptions & Record<string, unknown>;
      await action(contextFor(options, this.make), words, disks);
    });
  }

  /** A task without disks. */
  plain(
    signature: string,
    summary: string,
    configure: (c: Command) => void,
    action: (context: TaskContext, operands: string[], options: Record<string, unknown>) => Promise<void>,
  ): void {
    const command = this.#declare(signature, summary);
    configure(command);
    command.action(async () => {
      const options = command.opts<Record<string, unknown>>();
      await action(contextFor(options, this.make), [...command.args], options);
    });
  }

  #declare(signature: string, summary: string): Command {
    const [name = '', ...operands] = signature.split(' ');
    const command = this.program
      .command(name)
      .summary(summary)
      .description(`${summary[0]!.toUpperCase()}${summary.slice(1)}.`);
    command.usage(`[options] ${operands.join(' ')}`.trimEnd()).allowExcessArguments();
    const examples = TASK_EXAMPLES[name];
    if (examples !== undefined) command.addHelpText('after', `\n${examples}`);
    return addGlobalOptions(command);
  }
}

/** All task commands. Each loads its own module only when it runs. */
export function buildProgram(version: string, make: ContextMaker): Command {
  const program = new Command('vmcraft');
  program
    .version(`vmcraft ${version}`, '-V, --version')
    .usage('TASK [options] …   |   vmcraft [shell options] [command [: command]…]')
    .description('Opens the disk of a virtual machine that is switched off, says what is on it, and edits it.')
    .helpCommand(false)
    .exitOverride()
    .addHelpText('after', `\n${ROOT_HELP}`);
  const tasks = new TaskBuilder(program, make);
  lookingTasks(tasks);
  copyingTasks(tasks);
  windowsTasks(tasks);
  kernelTasks(tasks);
  hostTasks(tasks);
  for (const command of program.commands) command.exitOverride();
  return program;
}

function lookingTasks(tasks: TaskBuilder): void {
  tasks.disks(
    'inspect DISK...',
    'say which operating systems are on the disks',
    'any',
    (c) => {
      c.addOption(new Option('--format <form>', 'form of the report').choices([...INSPECTION_FORMATS]));
      c.option('--yaml', 'same as --format yaml').option('--xml', "same as --format xml: virt-inspector's form");
      c.option('--no-applications', 'leave out the installed packages');
    },
    async (context, _, options) => {
      const { inspectTask } = await import('./inspect.js');
      await inspectTask(context, {
        ...options,
        form: inspectionFormat(options, context),
        applications: options.applications !== false,
      });
    },
  );
  tasks.disks(
    'filesystems DISK...',
    'list file systems, partitions and disks',
    'any',
    (c) => {
      c.option('-l, --long', 'a table with type, label and size').option(
        '--all',
        'everything: file systems, partitions, disks',
      );
      c.option('--filesystems', 'file systems (default)').option('--parts, --partitions', 'partitions');
      c.option('--blkdevs, --block-devices', 'disks').option('--extra', 'also swap and what cannot be mounted');
      c.option('-h, --human-readable', 'sizes with units')
        .option('--csv', 'comma-separated values')
        .option('--uuid, --uuids', 'with UUIDs')
        .option('--tree', 'draw how disks, partitions and volumes are made from each other, with sizes and uses');
      c.helpOption('--help', 'display help for command');
    },
    async (context, _, o) => {
      const { filesystemsTask } = await import('./filesystems.js');
      await filesystemsTask(context, {
        ...o,
        parts: o.partitions === true,
        blkdevs: o.blockDevices === true,
        human: o.humanReadable === true,
        uuids: o.uuids === true,
      });
    },
  );
  tasks.disks(
    'df DISK...',
    'show how full the file systems are',
    'any',
    (c) => {
      c.option('-h, --human-readable', 'sizes with units').option('-i, --inodes', 'inodes instead of blocks');
      c.option('--csv', 'comma-separated values').helpOption('--help', 'display help for command');
    },
    async (context, _, o) => (await import('./df.js')).dfTask(context, { ...o, human: o.humanReadable === true }),
  );
  listingTasks(tasks);
}

function listingTasks(tasks: TaskBuilder): void {
  tasks.disks(
    'ls DISK DIRECTORY...',
    'list directories of the guest',
    1,
    (c) => {
      c.option('-l, --long', 'type, mode, size and name').option('-R, --recursive', 'everything below');
      c.option('-h, --human-readable', 'sizes with units').option('--csv', 'comma-separated values');
      c.option('--uids', 'with owner and group').option('--times, --time', 'with times');
      c.addOption(
        new Option('--checksum [type]', 'with checksums of files').choices([
          'md5',
          'sha1',
          'sha224',
          'sha256',
          'sha384',
          'sha512',
        ]),
      );
      c.helpOption('--help', 'display help for command');
    },
    async (context, paths, o) =>
      (await import('./ls.js')).lsTask(
        context,
        { ...o, human: o.humanReadable === true, times: o.time === true },
        paths,
      ),
  );
  tasks.disks(
    'cat DISK FILE...',
    'print files of the guest',
    1,
    () => {},
    async (context, paths, o) => (await import('./cat.js')).catTask(context, o, paths),
  );
}

function copyingTasks(tasks: TaskBuilder): void {
  tasks.disks(
    'copy-in DISK LOCAL... /DIRECTORY',
    'copy files and folders into the guest',
    2,
    () => {},
    async (context, words, o) => (await import('./copy.js')).copyInTask(context, o, words.slice(0, -1), words.at(-1)!),
  );
  tasks.disks(
    'copy-out DISK /PATH... FOLDER',
    'copy files and directories out of the guest',
    2,
    () => {},
    async (context, words, o) => (await import('./copy.js')).copyOutTask(context, o, words.slice(0, -1), words.at(-1)!),
  );
  const compress = (c: Command): void => {
    c.option('--compress <type>', 'gzip, bzip2, xz, zstd (default: by the name)');
  };
  tasks.disks(
    'tar-in DISK ARCHIVE /DIRECTORY',
    'unpack a tar archive into the guest',
    2,
    compress,
    async (context, words, o) => (await import('./tar.js')).tarInTask(context, o, words[0]!, words[1]!),
  );
  tasks.disks(
    'tar-out DISK /DIRECTORY ARCHIVE',
    'pack a directory of the guest into a tar archive',
    2,
    compress,
    async (context, words, o) => (await import('./tar.js')).tarOutTask(context, o, words[0]!, words[1]!),
  );
}

function hostTasks(tasks: TaskBuilder): void {
  tasks.plain(
    'doctor',
    'say what this host can and cannot do, and why; or from which buses a Windows guest boots',
    (c) => {
      c.option('--boot <disk>', 'prove offline from which buses the Windows on this disk boots', collect, []);
      c.option('--image-format <format>', 'format of the disk (default: detect)');
      c.option('--root <device>', 'which operating system, when there are several');
      c.option('--key <selector>', 'key of an encrypted device: ID:key:KEY or ID:file:PATH', collectKey, []);
    },
    async (context, _, o) => {
      const disks = o.boot as string[];
      if (disks.length === 0) return (await import('./doctor.js')).doctorTask(context);
      const { bootTask } = await import('./windows.js');
      await bootTask(context, { ...o, add: disks, mount: [] } as unknown as DiskOptions);
    },
  );
  tasks.plain(
    'plugins',
    'list the plugins',
    (c) => {
      c.option('--explain <type>', 'who handles an image format or file-system type, and why');
    },
    async (context, _, o) => (await import('./plugins.js')).pluginsTask(context, o.explain as string | undefined),
  );
  tasks.plain(
    'help [COMMAND]',
    'help on a task, or on a command of the shell',
    () => {},
    async (context, [topic]) => (await import('./help.js')).helpTask(context, topic, tasks.program),
  );
}

function inspectionFormat(options: Record<string, unknown>, context: TaskContext): InspectionFormat {
  if (context.global.json) return 'json';
  if (options.yaml === true) return 'yaml';
  if (options.xml === true) return 'xml';
  return (options.format as InspectionFormat | undefined) ?? 'text';
}
