import { VmcraftError } from './base.js';

/** The thing was opened without the ability that the call needs. */
export class CapabilityError extends VmcraftError {
  constructor(
    details: {
      capability: string;
      subject: string;
      reason?: string;
      readOnly?: boolean;
      /** It may be done by something else than what was asked. */
      elsewhere?: boolean;
    },
    cause?: unknown,
  ) {
    const why = details.reason === undefined ? '' : `: ${details.reason}`;
    super({
      code: details.readOnly === true ? 'VMC_READ_ONLY' : 'VMC_NO_CAPABILITY',
      message:
        details.readOnly === true
          ? `${details.subject} is read-only${why}`
          : `${details.subject} has no capability '${details.capability}'${why}`,
      data: details,
      cause,
    });
  }

  /** The common case: a write to something opened read-only. */
  static readOnly(subject: string, reason?: string): CapabilityError {
    return new CapabilityError({
      capability: 'write',
      subject,
      readOnly: true,
      ...(reason === undefined ? {} : { reason }),
    });
  }
}

/** A key or passphrase is needed, or the one given is wrong. Never carries the secret. */
export class CredentialError extends VmcraftError {
  /** @param details `reason` says which ways in there are, never a secret */
  constructor(details: { subject: string; wrong: boolean; slots?: number; reason?: string }, cause?: unknown) {
    const { subject, wrong, reason } = details;
    const what = wrong ? 'no given key opens it' : 'a key is required';
    super({
      code: wrong ? 'VMC_KEY_WRONG' : 'VMC_KEY_REQUIRED',
      message: reason === undefined ? `${subject}: ${what}` : `${subject}: ${what} (${reason})`,
      data: details,
      cause,
    });
  }
}

/** Another process holds the image. */
export class LockedError extends VmcraftError {
  constructor(details: { path: string; pid?: number; reason: string; force?: string; hint?: string }, cause?: unknown) {
    const force = details.force === undefined ? '' : ` (${details.force} overrides)`;
    super({ code: 'VMC_LOCKED', message: `${details.path}: ${details.reason}${force}`, data: details, cause });
  }
}

/** The host refused: a missing image file, a full host disk, no permission. `data.errno` has the host's code. */
export class HostError extends VmcraftError {
  constructor(details: { path: string; operation: string; errno?: string; reason: string }, cause?: unknown) {
    super({
      code: 'VMC_HOST',
      message: `${details.path}: ${details.operation}: ${details.reason}`,
      data: details,
      cause,
    });
  }
}
