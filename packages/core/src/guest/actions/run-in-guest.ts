import type { CommandOptions } from '../../contracts/index.js';
import { arg, Bool, defineAction, FileOut, Int, Int64, PlainString, StringList } from '../action.js';
import { withSink } from '../host-bytes.js';
import type { Session } from '../session.js';

const argumentsArg = arg('arguments', StringList(PlainString));
const commandArg = arg('command', PlainString);
const outputArg = arg('output', FileOut);
/** What guestfs does not have: its appliance always has the network that was asked for at launch. */
const options = { network: Bool, timeout: Int, memorylimit: Int64, processlimit: Int } as const;

const HOW =
  'It runs in namespaces of its own over what is mounted, without anything of this host; `network` gives it the network of the host, `timeout` ends it after so many seconds, `memorylimit` (bytes) and `processlimit` bound what it takes.';

interface Given {
  readonly network?: boolean | undefined;
  readonly timeout?: number | undefined;
  readonly memorylimit?: number | undefined;
  readonly processlimit?: number | undefined;
}

function optionsOf(g: Session, { network, timeout, memorylimit, processlimit }: Given): CommandOptions {
  return {
    network: network ?? g.settings.network,
    ...(timeout === undefined ? {} : { timeout: timeout * 1000 }),
    ...(memorylimit === undefined ? {} : { memoryLimit: memorylimit }),
    ...(processlimit === undefined ? {} : { processLimit: processlimit }),
  };
}

async function text(g: Session, argv: readonly string[], given: Given): Promise<string> {
  return new TextDecoder().decode(await g.commands.output(argv, optionsOf(g, given)));
}

/** Lines without their ends; no last empty one. */
function lines(output: string): string[] {
  const all = output.split('\n');
  if (all.at(-1) === '') all.pop();
  return all;
}

const shell = (command: string): string[] => ['/bin/sh', '-c', command];

/** Functions that run programs of the guest. */
export const runInGuestActions = [
  defineAction({
    name: 'command',
    theme: 'run-in-guest',
    args: [argumentsArg],
    options,
    returns: 'RString',
    doc: `Run a program of the guest and give what it writes to standard output. Fails with what it wrote to standard error when its status is not 0. ${HOW}`,
    run: text,
  }),
  defineAction({
    name: 'command_lines',
    theme: 'run-in-guest',
    args: [argumentsArg],
    options,
    returns: 'RStringList',
    doc: 'As `command`, but gives the output as a list of lines.',
    run: async (g, argv, given) => lines(await text(g, argv, given)),
  }),
  defineAction({
    name: 'command_out',
    theme: 'run-in-guest',
    args: [argumentsArg, outputArg],
    options,
    returns: 'void',
    doc: 'As `command`, but the output goes to a file of the host.',
    run: async (g, argv, output, given) =>
      withSink(g, output, (sink) => g.commands.pour(argv, sink, optionsOf(g, given))),
  }),
  defineAction({
    name: 'sh',
    theme: 'run-in-guest',
    args: [commandArg],
    options,
    returns: 'RString',
    doc: "As `command`, for a command line that the guest's `/bin/sh` runs.",
    run: (g, command, given) => text(g, shell(command), given),
  }),
  defineAction({
    name: 'sh_lines',
    theme: 'run-in-guest',
    args: [commandArg],
    options,
    returns: 'RStringList',
    doc: 'As `sh`, but gives the output as a list of lines.',
    run: async (g, command, given) => lines(await text(g, shell(command), given)),
  }),
  defineAction({
    name: 'sh_out',
    theme: 'run-in-guest',
    args: [commandArg, outputArg],
    options,
    returns: 'void',
    doc: 'As `sh`, but the output goes to a file of the host.',
    run: async (g, command, output, given) =>
      withSink(g, output, (sink) => g.commands.pour(shell(command), sink, optionsOf(g, given))),
  }),
] as const;
