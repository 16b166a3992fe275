import { VmcraftError } from './base.js';

/** Why one candidate could not do a job. */
export interface CandidateReason {
  readonly name: string;
  readonly reason: string;
}

/** Nothing that is installed can do the job; says what each candidate lacked. */
export class NoProviderError extends VmcraftError {
  constructor(details: { wanted: string; candidates: readonly CandidateReason[]; hint?: string }, cause?: unknown) {
    const list = details.candidates.map((c) => `${c.name}: ${c.reason}`).join('; ');
    const tail = details.hint === undefined ? '' : ` (${details.hint})`;
    super({
      code: 'VMC_NO_PROVIDER',
      message: `nothing can ${details.wanted}${list === '' ? '' : `: ${list}`}${tail}`,
      data: details,
      cause,
    });
  }
}

/** A plugin does not load, or two plugins claim the same thing with equal right. */
export class PluginError extends VmcraftError {
  constructor(
    details: { plugin: string; conflict?: readonly string[]; reason: string; install?: string },
    cause?: unknown,
  ) {
    const install = details.install === undefined ? '' : ` (install ${details.install})`;
    super({
      code: details.conflict === undefined ? 'VMC_PLUGIN_LOAD' : 'VMC_PLUGIN_CONFLICT',
      message: `plugin ${details.plugin}: ${details.reason}${install}`,
      data: details,
      cause,
    });
  }
}

/** The caller's mistake: a bad argument, an action used in the wrong state. */
export class UsageError extends VmcraftError {
  constructor(message: string, data: { argument?: string; action?: string; hint?: string } = {}, cause?: unknown) {
    super({
      code: 'VMC_USAGE',
      message: data.action === undefined ? message : `${data.action}: ${message}`,
      data,
      cause,
    });
  }
}

/** A mistake of ours. Please report it. */
export class InternalError extends VmcraftError {
  constructor(message: string, data: Record<string, unknown> = {}, cause?: unknown) {
    super({ code: 'VMC_BUG', message: `internal error: ${message}; please report this`, data, cause });
  }
}

/** The caller's AbortSignal fired. */
export class AbortedError extends VmcraftError {
  constructor(operation: string, cause?: unknown) {
    super({ code: 'VMC_ABORTED', message: `${operation}: cancelled`, data: { operation }, cause });
  }
}
