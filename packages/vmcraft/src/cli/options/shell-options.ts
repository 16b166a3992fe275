import { UsageError } from '@vmcraft/core/errors';
import { syntaxError } from '../language/shell-error.js';
import { type DriveOption, parseDriveOption } from './drive-option.js';
import { type FoundOption, getopt, type OptionSpec } from './getopt.js';
import { type KeySelector, parseKeySelector } from './key-selector.js';
import { type MountOption, parseMountOption } from './mount-option.js';
import { expandRegistryOptions } from './registry-options.js';

/** Something to add before the launch, in the order of the command line. */
export type DriveRequest =
  | { readonly kind: 'add'; readonly text: string; readonly format?: string; readonly blocksize?: number }
  | { readonly kind: 'new'; readonly text: string };

/** What a command line of the shell asks for. */
export interface ShellOptions {
  readonly drives: readonly DriveRequest[];
  readonly mounts: readonly MountOption[];
  readonly inspect: boolean;
  readonly root?: string;
  readonly readonly: boolean;
  readonly script?: string;
  readonly run: readonly string[];
  readonly commands: readonly string[];
  readonly trace: boolean;
  readonly verbose: boolean;
  readonly autosync: boolean;
  readonly completeGuestPaths: boolean;
  readonly keys: readonly KeySelector[];
  readonly keysFromStdin: boolean;
  readonly echoKeys: boolean;
  readonly pipeError: boolean;
  /** Undefined: only in an interactive shell. */
  readonly progressBars?: boolean;
  readonly listen: boolean;
  readonly csh: boolean;
  /** PID, or true for the one in GUESTFISH_PID. */
  readonly remote?: number | true;
  readonly json: boolean;
  readonly dryRun: boolean;
  readonly force: boolean;
  readonly backend?: string;
  readonly warnings: readonly string[];
}

/** What to do instead of running a shell. */
export type ShellRequest =
  | { readonly kind: 'shell'; readonly options: ShellOptions }
  | { readonly kind: 'version' }
  | { readonly kind: 'usage' }
  | { readonly kind: 'command-help'; readonly command?: string }
  | { readonly kind: 'prepared-help' };

type Draft = {
  -readonly [K in keyof ShellOptions]: ShellOptions[K] extends readonly (infer T)[] ? T[] : ShellOptions[K];
};

/** An option with its effect on what was read so far. */
interface ShellOption extends OptionSpec {
  apply(draft: Draft, value: string, state: PositionalState): void;
}

/** Settings that count for the `-a` options after them. */
interface PositionalState {
  format?: string | undefined;
  blocksize?: number | undefined;
  writable?: boolean;
  help?: ShellRequest;
  /** Index among the `--run` lines of the last `--inject-driver`, whose INF may follow. */
  injection?: number;
}

const flag = (long: string | undefined, short: string | undefined, apply: ShellOption['apply']): ShellOption => ({
  ...(long === undefined ? {} : { long }),
  ...(short === undefined ? {} : { short }),
  value: 'none',
  apply,
});
const valued = (long: string, short: string | undefined, apply: ShellOption['apply']): ShellOption => ({
  long,
  ...(short === undefined ? {} : { short }),
  value: 'required',
  apply,
});
const optional = (long: string, apply: ShellOption['apply']): ShellOption => ({ long, value: 'optional', apply });
const ignore = (): void => {};

/** The options of guestfish(1). */
const GUESTFISH_OPTIONS: readonly ShellOption[] = [
  valued('add', 'a', (d, text, s) => {
    const { format, blocksize } = s;
    d.drives.push({
      kind: 'add',
      text,
      ...(format === undefined ? {} : { format }),
      ...(blocksize === undefined ? {} : { blocksize }),
    });
  }),
  optional('blocksize', (_, value, s) => {
    s.blocksize = value === '' ? undefined : Number(value);
    if (s.blocksize !== undefined && s.blocksize !== 512 && s.blocksize !== 4096) {
      throw new UsageError(`--blocksize=${value}: must be 512 or 4096`);
    }
  }),
  valued('connect', 'c', ignore),
  flag('cmd-help', 'h', (_, __, s) => {
    s.help = { kind: 'command-help' };
  }),
  flag('csh', undefined, (d) => {
    d.csh = true;
  }),
  valued('domain', 'd', (_, value) => {
    throw new UsageError(
      `-d ${value}: libvirt domains are not supported, because VMCraft opens disk images without libvirt; ` +
        "give the domain's disks with -a (virsh domblklist shows them)",
    );
  }),
  flag('echo-keys', undefined, (d) => {
    d.echoKeys = true;
  }),
  valued('file', 'f', (d, value) => {
    if (d.script !== undefined) throw syntaxError('only one -f parameter can be given');
    d.script = value;
  }),
  optional('format', (_, value, s) => {
    s.format = value === '' ? undefined : value;
  }),
  flag('help', undefined, (_, __, s) => {
    s.help = { kind: 'usage' };
  }),
  flag('inspector', 'i', (d) => {
    d.inspect = true;
  }),
  valued('key', undefined, (d, value) => {
    d.keys.push(parseKeySelector(value));
  }),
  flag('keys-from-stdin', undefined, (d) => {
    d.keysFromStdin = true;
  }),
  flag('listen', undefined, (d) => {
    d.listen = true;
  }),
  flag('live', undefined, () => {
    throw syntaxError('live access is not supported (libguestfs removed it in 1.48); switch the guest off first');
  }),
  valued('mount', 'm', (d, value) => {
    d.mounts.push(parseMountOption(value));
  }),
  flag('network', undefined, ignore),
  valued('new', 'N', (d, text, s) => {
    if (text === 'help' || text === 'list') s.help = { kind: 'prepared-help' };
    d.drives.push({ kind: 'new', text });
  }),
  flag('no-sync', 'n', (d) => {
    d.autosync = false;
  }),
  flag('no-dest-paths', undefined, (d) => {
    d.completeGuestPaths = false;
  }),
  flag(undefined, 'D', (d) => {
    d.completeGuestPaths = false;
    d.warnings.push('-D option is deprecated, use --no-dest-paths instead');
  }),
  flag('pipe-error', undefined, (d) => {
    d.pipeError = true;
  }),
  flag('progress-bars', undefined, (d) => {
    d.progressBars = true;
  }),
  flag('no-progress-bars', undefined, (d) => {
    d.progressBars = false;
  }),
  optional('remote', (d, value) => {
    if (value !== '' && !/^[1-9][0-9]*$/.test(value)) throw syntaxError(`--listen=PID: PID was not a number: ${value}`);
    d.remote = value === '' ? true : Number(value);
  }),
  flag('ro', 'r', (d, _, s) => {
    if (s.writable === true) throw syntaxError('cannot mix --ro and --rw options');
    s.writable = false;
    d.readonly = true;
  }),
  flag('rw', 'w', (_, __, s) => {
    if (s.writable === false) throw syntaxError('cannot mix --ro and --rw options');
    s.writable = true;
  }),
  flag('selinux', undefined, ignore),
  flag('verbose', 'v', (d) => {
    d.verbose = true;
  }),
  flag('version', 'V', (_, __, s) => {
    s.help = { kind: 'version' };
  }),
  flag(undefined, 'x', (d) => {
    d.trace = true;
  }),
];

/** Options that guestfish does not have. */
const OWN_OPTIONS: readonly ShellOption[] = [
  valued('run', undefined, (d, value) => {
    d.run.push(value);
  }),
  flag('json', undefined, (d) => {
    d.json = true;
  }),
  flag('dry-run', undefined, (d) => {
    d.dryRun = true;
  }),
  flag('force', undefined, (d) => {
    d.force = true;
  }),
  valued('backend', undefined, (d, value) => {
    d.backend = value;
  }),
  valued('root', undefined, (d, value) => {
    d.root = value;
  }),
  valued('inject-driver', undefined, (d, value, s) => {
    d.inspect = true;
    s.injection = d.run.push(`inject-driver ${quoted(value)}`) - 1;
  }),
];

/** A word for a line of the shell. */
function quoted(word: string): string {
  return `"${word.replace(/[\\"]/g, '\\$&')}"`;
}

/**
 * Read the command line of the shell.
 * @throws UsageError or ShellError for a mistake in it
 */
export function parseShellOptions(argv: readonly string[]): ShellRequest {
  const { options, operands } = getopt(expandRegistryOptions(argv), [...GUESTFISH_OPTIONS, ...OWN_OPTIONS]);
  const draft = emptyDraft();
  const state: PositionalState = {};
  for (const { spec, value } of options as readonly FoundOption<ShellOption>[]) {
    spec.apply(draft, value ?? '', state);
    if (state.help !== undefined) return withCommand(state.help, operands);
  }
  const words = [...operands];
  if (state.injection !== undefined && /\.inf$/i.test(words[0] ?? '')) {
    draft.run[state.injection] += ` ${quoted(`inf:${words.shift()!}`)}`;
  }
  if (draft.inspect && draft.drives.length === 0) {
    // The older syntax, `guestfish -i disk.img`: all words are disks.
    for (const text of words.splice(0)) draft.drives.push({ kind: 'add', text });
  }
  draft.commands = words;
  if (draft.listen && draft.remote !== undefined)
    throw syntaxError('cannot use --listen and --remote options at the same time');
  if (draft.listen && words.length > 0) throw syntaxError('extra parameters on the command line with --listen flag');
  if (draft.listen && draft.script !== undefined)
    throw syntaxError('cannot use --listen and --file options at the same time');
  return { kind: 'shell', options: draft };
}

function emptyDraft(): Draft {
  return {
    drives: [],
    mounts: [],
    inspect: false,
    readonly: false,
    run: [],
    commands: [],
    trace: false,
    verbose: false,
    autosync: true,
    completeGuestPaths: true,
    keys: [],
    keysFromStdin: false,
    echoKeys: false,
    pipeError: false,
    listen: false,
    csh: false,
    json: false,
    dryRun: false,
    force: false,
    warnings: [],
  };
}

function withCommand(help: ShellRequest, operands: readonly string[]): ShellRequest {
  const command = operands[0];
  return help.kind === 'command-help' && command !== undefined ? { ...help, command } : help;
}

/** The arguments of `add_drive` for one drive of the command line. */
export function driveArguments(request: DriveRequest & { kind: 'add' }, readonly: boolean): DriveOption {
  const { format, blocksize } = request;
  return parseDriveOption(request.text, {
    readonly,
    ...(format === undefined ? {} : { format }),
    ...(blocksize === undefined ? {} : { blocksize }),
  });
}
