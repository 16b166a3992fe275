import {
  AbortedError,
  FsError,
  InternalError,
  isVmcraftError,
  messageOf,
  UsageError,
  VmcraftError,
} from '../errors/index.js';
import { type AnyAction, type Arg, type ArgKind, camelCase } from './action.js';
import type { ActionTable } from './action-table.js';
import { isUnavailableHere } from './actions/unavailable.js';
import { formatMountable, parseMountable } from './mountable.js';
import type { Session } from './session.js';
import { traceCall, traceResult } from './trace.js';
import { windowsPath } from './windows-path.js';
import { isWindowsPath } from './windows-syntax.js';

type Runner = (g: Session, ...args: unknown[]) => unknown;

/**
 * Call an action: checks the arguments, waits for its turn, resolves device names, and makes errors name the action and what it worked on.
 * @throws UsageError for wrong arguments or the wrong state; else what the action throws
 */
export async function callAction(session: Session, action: AnyAction, given: readonly unknown[]): Promise<unknown> {
  const args = checkArguments(action, given);
  const { trace: tracing, identifier } = session.settings;
  const trace = (line: string): void => {
    if (tracing) session.events.emit('trace', identifier === '' ? line : `${identifier}: ${line}`);
  };
  trace(traceCall(action, args));
  session.events.emit('enter', action.name);
  try {
    const work = () => session.clock.time(action.name, () => run(session, action, args));
    const result = await (action.immediate === true ? work() : session.exclusive(work, keepsLoan(action)));
    trace(traceResult(action, result));
    return result;
  } catch (error) {
    const named = nameError(action, args, error);
    trace(`${action.name} = -1 (error): ${named.message}`);
    throw named;
  }
}

/** Give an object the methods of all actions in a table. */
export function bindActions(target: object, session: Session, table: ActionTable): void {
  for (const action of table) {
    const method = camelCase(action.name);
    if (method in target) continue;
    Object.defineProperty(target, method, {
      configurable: true,
      value: (...args: unknown[]) => callAction(session, action, args),
    });
  }
}

async function run(session: Session, action: AnyAction, args: readonly unknown[]): Promise<unknown> {
  if (action.anytime !== true) void session.opened;
  const values = await resolveNames(session, action, args);
  try {
    return await (action.run as Runner)(session, ...values);
  } catch (error) {
    const other = isUnavailableHere(error) ? session.alternatives.get(action.name) : undefined;
    if (other === undefined) throw error;
    try {
      return await (other.run as Runner)(session, ...values);
    } catch (second) {
      if (isUnavailableHere(second)) throw withReason(error, second);
      throw second;
    }
  }
}

/** Settings change nothing on the disks, and actions outside want the tree where it is. */
function keepsLoan(action: AnyAction): boolean {
  return action.outside === true || action.anytime === true;
}

/** What cannot be done in this process, and why the one that could stand in cannot either. */
function withReason(error: unknown, second: unknown): unknown {
  if (error instanceof Error) error.message = `${error.message}; ${messageOf(second)}`;
  return error;
}

/** What guestfsd does before a function runs: device names become canonical and must exist; paths need a mounted root. */
function resolveNames(session: Session, action: AnyAction, args: readonly unknown[]): Promise<unknown[]> {
  return Promise.all(
    args.map((value, i) => {
      const kind = action.args[i]?.kind;
      if (kind === undefined || action.anytime === true || action.outside === true) return value;
      if (!kind.list) return resolveName(session, action, kind, value);
      return Promise.all((value as readonly string[]).map((item) => resolveName(session, action, kind, item)));
    }),
  );
}

/** A promise only where there is something to wait for: most arguments are what they are. */
function resolveName(session: Session, action: AnyAction, kind: ArgKind, value: unknown): unknown {
  if (typeof value !== 'string') return value;
  switch (kind.name) {
    case 'Device':
      return session.device(value, action.name).name;
    case 'Mountable':
      return resolveMountable(session, action, value);
    case 'Dev_or_Path':
      if (value.startsWith('/dev/')) return session.device(value, action.name).name;
      break;
    case 'Mountable_or_Path':
      if (value.startsWith('/dev/') || value.startsWith('btrfsvol:')) return resolveMountable(session, action, value);
      break;
    case 'Pathname':
      break;
    default:
      return value;
  }
  if (!session.mounts.any) throw new UsageError("you must call 'mount' first to mount the root filesystem");
  return isWindowsPath(value) || hasBackslash(session, value) ? windowsPath(session, value) : value;
}

/** Whether a path has slashes of Windows in it. No name of Windows holds one, but one of Linux may. */
function hasBackslash(session: Session, path: string): boolean {
  if (!path.includes('\\')) return false;
  const root = session.mounts.list().findLast((mount) => mount.path === '/')?.source;
  return session.inspection?.find(root ?? '')?.type.value === 'windows';
}

function resolveMountable(session: Session, action: AnyAction, text: string): string {
  const mountable = parseMountable(text);
  return formatMountable({ ...mountable, device: session.device(mountable.device, action.name).name });
}

/** @returns the positional arguments and the options object @throws UsageError */
function checkArguments(action: AnyAction, given: readonly unknown[]): unknown[] {
  const { args } = action;
  const options = action.options ?? {};
  const takesOptions = Object.keys(options).length > 0;
  if (given.length > args.length + (takesOptions ? 1 : 0)) {
    throw new UsageError(`takes ${args.length} arguments, not ${given.length}`, { action: action.name });
  }
  for (const [i, arg] of args.entries()) {
    if (!arg.kind.accepts(given[i])) reject(action, arg, given[i]);
  }
  const values = (given[args.length] ?? {}) as Record<string, unknown>;
  if (typeof values !== 'object') throw new UsageError('options must be an object', { action: action.name });
  for (const [name, value] of Object.entries(values)) {
    const kind = Object.hasOwn(options, name) ? options[name] : undefined;
    if (kind === undefined)
      throw new UsageError(`there is no option '${name}'`, { action: action.name, argument: name });
    if (value !== undefined && !kind.accepts(value)) reject(action, { name, kind }, value);
  }
  return [...Array.from(args, (_, i) => given[i]), values];
}

/** Say what is wrong with a value, or with the first wrong value of a list. */
function reject(action: AnyAction, { name, kind }: Arg, value: unknown): never {
  const { element } = kind;
  const wrong = element !== undefined && Array.isArray(value) ? value.findIndex((v) => !element.accepts(v)) : -1;
  const [at, expects] = wrong < 0 ? ['', kind.expects] : [`[${wrong}]`, element?.expects];
  throw new UsageError(`${name}${at}: ${expects ?? 'not a valid value'}`, { action: action.name, argument: name });
}

/** Kinds of arguments that say what an action works on. */
const SUBJECTS: ReadonlySet<string> = new Set(['Pathname', 'Device', 'Mountable', 'Dev_or_Path', 'Mountable_or_Path']);

/** The path or device that an error should name. */
function subjectOf(action: AnyAction, args: readonly unknown[]): string | undefined {
  const i = action.args.findIndex(({ kind }) => !kind.list && SUBJECTS.has(kind.name));
  const value = i < 0 ? undefined : args[i];
  return typeof value === 'string' ? value : undefined;
}

/** The same error, naming the action, the path or device, and the cause. */
function nameError(action: AnyAction, args: readonly unknown[], error: unknown): Error {
  if (error instanceof RangeError || error instanceof TypeError || error instanceof ReferenceError) {
    return new InternalError(`${action.name}: ${error.message}`, { action: action.name }, error);
  }
  if (!isVmcraftError(error)) {
    if (isAbort(error)) return new AbortedError(action.name, error);
    return new VmcraftError({ code: 'VMC_HOST', message: `${action.name}: ${messageOf(error)}`, cause: error });
  }
  const subject = subjectOf(action, args);
  if (error instanceof FsError) return nameFsError(action, subject, error);
  if (error.message.startsWith(`${action.name}: `)) return error;
  const isNamed = subject === undefined || error instanceof UsageError || error.message.includes(subject);
  const place = isNamed ? '' : `${subject}: `;
  error.message = `${action.name}: ${place}${error.message}`;
  return error;
}

function nameFsError(action: AnyAction, subject: string | undefined, error: FsError): FsError {
  const { operation, path, reason } = error.data as { operation: string; path?: string; reason?: string };
  const isWhole = operation === action.name && path?.startsWith('/') === true;
  if (isWhole) return error;
  const named = path?.startsWith('/') === true ? path : subject;
  const details = {
    operation: action.name,
    ...(named === undefined ? {} : { path: named }),
    ...(reason === undefined ? {} : { reason }),
  };
  return new FsError(error.code, details, error);
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}
