/** Brand that survives two copies of this package in one process; see {@link isVmcraftError}. */
const BRAND = Symbol.for('vmcraft.error');

/** Values an error may carry in `data`: what a program needs to react, never a secret. */
export type ErrorData = Readonly<Record<string, unknown>>;

/** What every VMCraft error is built from. */
export interface VmcraftErrorInit {
  readonly code: string;
  readonly message: string;
  readonly data?: ErrorData;
  readonly cause?: unknown;
}

/**
 * Base of every error thrown by VMCraft. Match on `code`, which is stable; `message` is for people.
 */
export class VmcraftError extends Error {
  readonly [BRAND] = true;
  /** Stable identifier, such as `VMC_CORRUPT` or `ENOENT`. */
  readonly code: string;
  /** Structured details; its fields depend on the class. */
  readonly data: ErrorData;

  constructor(init: VmcraftErrorInit) {
    super(init.message, init.cause === undefined ? undefined : { cause: init.cause });
    this.name = new.target.name;
    this.code = init.code;
    this.data = init.data ?? {};
  }

  /** A plain object for JSON output: name, code, message, data and the chain of causes. */
  toJSON(): Record<string, unknown> {
    const cause = this.cause;
    return {
      name: this.name,
      code: this.code,
      message: this.message,
      data: this.data,
      ...(cause === undefined
        ? {}
        : { cause: cause instanceof VmcraftError ? cause.toJSON() : { message: messageOf(cause) } }),
    };
  }
}

/** Whether `value` is a VMCraft error, also when it comes from another copy of this package. */
export function isVmcraftError(value: unknown): value is VmcraftError {
  return typeof value === 'object' && value !== null && (value as { [BRAND]?: boolean })[BRAND] === true;
}

/** The text of anything thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
