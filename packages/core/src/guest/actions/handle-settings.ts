import { FsError, UsageError } from '../../errors/index.js';
import {
  type ArgKind,
  arg,
  Bool,
  defineAction,
  Int,
  OptString,
  PlainString,
  type ReturnKind,
  type ReturnValue,
  StringList,
} from '../action.js';
import type { Session } from '../session.js';

const NO_EFFECT = 'It concerns an appliance and has no effect here.';
const MAX_CPUS = 255;

interface GetterExtras {
  readonly deprecatedBy?: string;
}
interface SetterExtras {
  readonly deprecatedBy?: string;
  readonly aliases?: readonly string[];
}

/** An action that gives a setting. */
function getter<const N extends string, const R extends ReturnKind>(
  name: N,
  returns: R,
  doc: string,
  read: (g: Session) => ReturnValue<R>,
  extras: GetterExtras = {},
) {
  return defineAction({ name, theme: 'handle-appliance', anytime: true, args: [], returns, doc, run: read, ...extras });
}

/** An action that takes a setting. */
function setter<const N extends string, T>(
  name: N,
  argument: string,
  kind: ArgKind<T>,
  doc: string,
  write: (g: Session, value: T) => void,
  extras: SetterExtras = {},
) {
  return defineAction({
    name,
    theme: 'handle-appliance',
    anytime: true,
    args: [arg(argument, kind)],
    returns: 'void',
    doc,
    run: (g, value) => write(g, value as T),
    ...extras,
  });
}

/** Split `name=value`; a bare name stands for itself. */
function settingValue(g: Session, name: string): string {
  for (const setting of g.settings.backendSettings) {
    if (setting === name) return '1';
    if (setting.startsWith(`${name}=`)) return setting.slice(name.length + 1);
  }
  throw new FsError('ENOENT', { operation: 'get_backend_setting', path: name, reason: 'no such setting' });
}

function clearSetting(g: Session, name: string): number {
  const { settings } = g;
  const kept = settings.backendSettings.filter((s) => s !== name && !s.startsWith(`${name}=`));
  const removed = settings.backendSettings.length - kept.length;
  settings.backendSettings = kept;
  return removed;
}

function setMemsize(g: Session, value: number): void {
  if (value <= 0) throw new UsageError('must be greater than 0', { argument: 'memsize' });
  g.settings.memsize = value;
}

function setSmp(g: Session, value: number): void {
  if (value < 1 || value > MAX_CPUS) throw new UsageError(`must be from 1 to ${MAX_CPUS}`, { argument: 'smp' });
  g.settings.smp = value;
}

function setIdentifier(g: Session, value: string): void {
  if (!/^[A-Za-z0-9_-]*$/.test(value)) {
    throw new UsageError('must only contain letters, digits, underscore and minus', { argument: 'identifier' });
  }
  g.settings.identifier = value;
}

function setBackend(g: Session, value: string): void {
  g.requireConfig('choosing a backend');
  g.settings.backend = value;
}

const temporary = (g: Session): string => g.settings.tmpdir ?? g.platform.process.temporaryFolder;

/** Getters and setters of the handle. */
export const handleSettingActions = [
  getter('get_append', 'RConstOptString', `Further kernel options. ${NO_EFFECT}`, (g) => g.settings.append),
  setter(
    'set_append',
    'append',
    OptString,
    `Further kernel options. ${NO_EFFECT}`,
    (g, v) => {
      g.settings.append = v ?? null;
    },
    { aliases: ['append'] },
  ),
  getter('get_attach_method', 'RString', 'As `get_backend`.', (g) => g.settings.backend, {
    deprecatedBy: 'get_backend',
  }),
  setter('set_attach_method', 'backend', PlainString, 'As `set_backend`.', setBackend, {
    deprecatedBy: 'set_backend',
    aliases: ['attach-method'],
  }),
  getter(
    'get_autosync',
    'RBool',
    'Whether what was written is committed when the session closes.',
    (g) => g.settings.autosync,
  ),
  setter(
    'set_autosync',
    'autosync',
    Bool,
    'Whether what was written is committed when the session closes. If not, only `sync` commits, and the rest is dropped.',
    (g, v) => {
      g.settings.autosync = v;
    },
    { aliases: ['autosync'] },
  ),
  getter('get_backend', 'RString', 'The name of the backend.', (g) => g.settings.backend),
  setter(
    'set_backend',
    'backend',
    PlainString,
    'The name of the backend. It is kept, but drives choose theirs by what they need.',
    setBackend,
    { aliases: ['backend'] },
  ),
  defineAction({
    name: 'get_backend_setting',
    theme: 'handle-appliance',
    anytime: true,
    args: [arg('name', PlainString)],
    returns: 'RString',
    doc: 'The value of one backend setting; fails with ENOENT when it is not set.',
    run: settingValue,
  }),
  defineAction({
    name: 'set_backend_setting',
    theme: 'handle-appliance',
    anytime: true,
    args: [arg('name', PlainString), arg('val', PlainString)],
    returns: 'void',
    doc: `Set one backend setting. ${NO_EFFECT}`,
    run: (g, name, value) => {
      clearSetting(g, name);
      g.settings.backendSettings = [...g.settings.backendSettings, `${name}=${value}`];
    },
  }),
  defineAction({
    name: 'clear_backend_setting',
    theme: 'handle-appliance',
    anytime: true,
    args: [arg('name', PlainString)],
    returns: 'RInt',
    doc: 'Remove one backend setting. Gives how many there were.',
    run: clearSetting,
  }),
  getter('get_backend_settings', 'RStringList', 'All backend settings.', (g) => [...g.settings.backendSettings]),
  setter(
    'set_backend_settings',
    'settings',
    StringList(PlainString),
    `Replace all backend settings. ${NO_EFFECT}`,
    (g, v) => {
      g.settings.backendSettings = [...v];
    },
  ),
  getter('get_cachedir', 'RString', 'Where an appliance would be cached.', (g) => g.settings.cachedir ?? temporary(g)),
  setter(
    'set_cachedir',
    'cachedir',
    OptString,
    `Where an appliance would be cached. ${NO_EFFECT}`,
    (g, v) => {
      g.settings.cachedir = v ?? null;
    },
    { aliases: ['cachedir'] },
  ),
  getter('get_direct', 'RBool', NO_EFFECT, (g) => g.settings.direct, { deprecatedBy: 'internal_get_console_socket' }),
  setter(
    'set_direct',
    'direct',
    Bool,
    NO_EFFECT,
    (g, v) => {
      g.settings.direct = v;
    },
    {
      deprecatedBy: 'internal_get_console_socket',
      aliases: ['direct'],
    },
  ),
  getter('get_hv', 'RString', 'The hypervisor that was set.', (g) => g.settings.hv),
  setter(
    'set_hv',
    'hv',
    PlainString,
    `The hypervisor. ${NO_EFFECT}`,
    (g, v) => {
      g.settings.hv = v;
    },
    {
      aliases: ['hv'],
    },
  ),
  getter('get_qemu', 'RConstString', 'As `get_hv`.', (g) => g.settings.hv, { deprecatedBy: 'get_hv' }),
  setter(
    'set_qemu',
    'hv',
    OptString,
    'As `set_hv`.',
    (g, v) => {
      g.settings.hv = v ?? '';
    },
    {
      deprecatedBy: 'set_hv',
      aliases: ['qemu'],
    },
  ),
  getter('get_identifier', 'RConstString', 'The name of this session in traces.', (g) => g.settings.identifier),
  setter('set_identifier', 'identifier', PlainString, 'A name for this session in traces.', setIdentifier, {
    aliases: ['identifier'],
  }),
  getter('get_memsize', 'RInt', 'Memory of an appliance in megabytes.', (g) => g.settings.memsize),
  setter('set_memsize', 'memsize', Int, `Memory in megabytes. ${NO_EFFECT}`, setMemsize, { aliases: ['memsize'] }),
  getter('get_network', 'RBool', 'Whether the network was asked for.', (g) => g.settings.network),
  setter(
    'set_network',
    'network',
    Bool,
    `Whether programs of the guest may use the network. ${NO_EFFECT}`,
    (g, v) => {
      g.settings.network = v;
    },
    { aliases: ['network'] },
  ),
  getter('get_path', 'RConstString', 'Where an appliance would be looked for.', (g) => g.settings.path ?? ''),
  setter(
    'set_path',
    'searchpath',
    OptString,
    `Where an appliance would be looked for. ${NO_EFFECT}`,
    (g, v) => {
      g.settings.path = v ?? null;
    },
    { aliases: ['path'] },
  ),
  getter('get_pgroup', 'RBool', 'Whether helpers get a process group of their own.', (g) => g.settings.pgroup),
  setter(
    'set_pgroup',
    'pgroup',
    Bool,
    `Whether helpers get a process group of their own. ${NO_EFFECT}`,
    (g, v) => {
      g.settings.pgroup = v;
    },
    { aliases: ['pgroup'] },
  ),
  getter('get_program', 'RConstString', 'The name of the program, for messages.', (g) => g.settings.program),
  setter(
    'set_program',
    'program',
    PlainString,
    'The name of the program, for messages.',
    (g, v) => {
      g.settings.program = v;
    },
    { aliases: ['program'] },
  ),
  getter('get_recovery_proc', 'RBool', 'Whether a process watches over an appliance.', (g) => g.settings.recoveryProc),
  setter(
    'set_recovery_proc',
    'recoveryproc',
    Bool,
    `Whether a process watches over an appliance. ${NO_EFFECT}`,
    (g, v) => {
      g.settings.recoveryProc = v;
    },
    { aliases: ['recovery-proc'] },
  ),
  getter('get_selinux', 'RBool', NO_EFFECT, (g) => g.settings.selinux, { deprecatedBy: 'setfiles' }),
  setter(
    'set_selinux',
    'selinux',
    Bool,
    NO_EFFECT,
    (g, v) => {
      g.settings.selinux = v;
    },
    {
      deprecatedBy: 'setfiles',
      aliases: ['selinux'],
    },
  ),
  getter('get_smp', 'RInt', 'Processors of an appliance.', (g) => g.settings.smp),
  setter('set_smp', 'smp', Int, `Processors. ${NO_EFFECT}`, setSmp, { aliases: ['smp'] }),
  getter('get_sockdir', 'RString', 'Where sockets of helpers are.', (g) => g.platform.env('XDG_RUNTIME_DIR') ?? '/tmp'),
  getter('get_tmpdir', 'RString', 'Where temporary files are.', temporary),
  setter(
    'set_tmpdir',
    'tmpdir',
    OptString,
    'Where temporary files are.',
    (g, v) => {
      g.settings.tmpdir = v ?? null;
    },
    { aliases: ['tmpdir'] },
  ),
  getter('get_trace', 'RBool', 'Whether calls are traced.', (g) => g.settings.trace),
  setter(
    'set_trace',
    'trace',
    Bool,
    'Whether each call and its result is told to the listeners of `trace`.',
    (g, v) => {
      g.settings.trace = v;
    },
    { aliases: ['trace'] },
  ),
  getter('get_verbose', 'RBool', 'Whether notes for people are told.', (g) => g.settings.verbose),
  setter(
    'set_verbose',
    'verbose',
    Bool,
    'Whether notes for people are told to the listeners of `library`.',
    (g, v) => {
      g.settings.verbose = v;
    },
    { aliases: ['verbose'] },
  ),
] as const;
