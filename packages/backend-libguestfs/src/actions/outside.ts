import { CapabilityError, HostError } from '@vmcraft/core';
import {
  type Action,
  type Arg,
  type ArgValues,
  type FileSource,
  type FileTarget,
  type OptionKinds,
  type OptionValues,
  type ReturnKind,
  type ReturnValue,
  type Session,
  unavailable,
} from '@vmcraft/core/guest';
import { type Appliance, applianceOf } from '../appliance.js';
import type { Wire } from '../codec.js';
import { absence, hostLibrary } from '../host.js';
import type { Argument } from '../library.js';
import { drainPipe, feedPipe } from '../pipes.js';
import { resultOf } from '../result.js';

/** What an action of the appliance is called. */
interface OutsideName<N extends string> {
  readonly name: N;
  readonly theme: string;
  readonly group?: string;
  readonly aliases?: readonly string[];
  readonly deprecatedBy?: string;
}

/** What running an action needs to know of it. */
interface Outside {
  readonly name: string;
  readonly args: readonly Arg[];
  /** Optional arguments that guestfs has. */
  readonly options: readonly string[];
}

/** Declare a function of guestfs(3) that runs in the appliance. */
export function outside<
  const N extends string,
  const A extends readonly Arg[],
  const R extends ReturnKind,
  const O extends OptionKinds = Record<never, never>,
>(names: OutsideName<N>, args: A, returns: R, options?: O): Action<N, A, O, R> {
  const action: Action<N, A, O, R> = {
    ...names,
    args,
    returns,
    ...(options === undefined ? {} : { options }),
    outside: true,
    doc: `guestfs(3) \`guestfs_${names.name}\` of the installed libguestfs, in its appliance, on the disks of the session.`,
    run: async (g: Session, ...given: [...ArgValues<A>, OptionValues<O>]) =>
      resultOf(
        returns,
        await runOutside(g, { name: names.name, args, options: Object.keys(options ?? {}) }, given),
      ) as ReturnValue<R>,
  };
  return action;
}

/** These only ask; what is mounted may stay where it is. */
const QUESTIONS: ReadonlySet<string> = new Set(['feature_available']);

async function runOutside(g: Session, action: Outside, given: readonly unknown[]): Promise<readonly Wire[]> {
  const library = await hostLibrary();
  if (typeof library === 'string') {
    if (QUESTIONS.has(action.name)) return [new Uint8Array([0x30])];
    throw unavailable(action.name, `it needs libguestfs: ${absence(library)}`);
  }
  for (const [name, value] of Object.entries((given[action.args.length] ?? {}) as Record<string, unknown>))
    if (value !== undefined && !action.options.includes(name)) refuseOption(action.name, name, value);
  const appliance = applianceOf(g.opened.link);
  const call = new Call(g, appliance, action);
  if (QUESTIONS.has(action.name)) {
    // An appliance that does not start has nothing.
    return call.run(given).catch((error: unknown) => {
      if (error instanceof HostError) return [new Uint8Array([0x30])];
      throw error;
    });
  }
  await g.lendTree(appliance);
  g.noteChoice({
    kind: 'actions',
    subject: action.name,
    provider: 'libguestfs',
    reason: `nothing in this process serves it; libguestfs ${library.version} does`,
    passedOver: [],
  });
  return call.run(given);
}

/** One call with the pipes that its host files need. */
class Call {
  readonly #transfers: Promise<void>[] = [];
  readonly #releases: (() => Promise<void>)[] = [];

  constructor(
    private readonly g: Session,
    private readonly appliance: Appliance,
    private readonly action: Outside,
  ) {}

  async run(given: readonly unknown[]): Promise<readonly Wire[]> {
    const { action, appliance } = this;
    try {
      const args: Argument[] = [];
      for (const [i, { kind }] of action.args.entries())
        args.push(await this.#argument(kind.name, kind.list, given[i]));
      const options: Record<string, Argument> = {};
      for (const [name, value] of Object.entries((given[action.args.length] ?? {}) as Record<string, unknown>)) {
        if (value !== undefined && action.options.includes(name)) options[name] = value as Argument;
      }
      const result = await appliance.call(action.name, args, options);
      await Promise.all(this.#transfers);
      return result;
    } catch (error) {
      const isUnknown = error instanceof Error && error.message.includes('this version of libguestfs does not have it');
      if (!isUnknown) throw error;
      throw new CapabilityError(
        { capability: action.name, subject: 'the installed libguestfs', elsewhere: true },
        error,
      );
    } finally {
      for (const release of this.#releases) await release();
    }
  }

  async #argument(kind: string, isList: boolean, value: unknown): Promise<Argument> {
    if (isList) return Promise.all((value as readonly string[]).map((v) => this.#text(kind, v)));
    switch (kind) {
      case 'FileIn':
        return this.#pipe((path) => feedPipe(this.g, value as FileSource, path));
      case 'FileOut':
        return this.#pipe((path) => drainPipe(this.g, value as FileTarget, path, this.action.name));
      case 'BufferIn':
        return typeof value === 'string' ? new TextEncoder().encode(value) : (value as Uint8Array);
      default:
        return typeof value === 'string' ? this.#text(kind, value) : ((value ?? null) as Argument);
    }
  }

  /** Devices have their names of the appliance. */
  async #text(kind: string, value: string): Promise<string> {
    const known = (name: string): string => this.g.storage.find(name)?.name ?? name;
    if (kind === 'Device' || (kind === 'Dev_or_Path' && value.startsWith('/dev/'))) {
      return this.appliance.nameOf(known(value));
    }
    const isMountable = kind === 'Mountable' || (kind === 'Mountable_or_Path' && /^(\/dev\/|btrfsvol:)/.test(value));
    return isMountable ? this.appliance.mountableOf(value.startsWith('/dev/') ? known(value) : value) : value;
  }

  async #pipe(open: (path: string) => { readonly done: Promise<void>; release(): Promise<void> }): Promise<string> {
    const path = await this.appliance.pipe(`file${this.#releases.length}`);
    const { done, release } = open(path);
    done.catch(() => undefined);
    this.#transfers.push(done);
    this.#releases.push(release);
    return path;
  }
}

/** What our own function has and guestfs does not: left out only when that changes nothing. */
function refuseOption(action: string, option: string, value: unknown): void {
  if (value === false) return;
  throw new CapabilityError({ capability: `${action} with ${option}`, subject: 'libguestfs' });
}
