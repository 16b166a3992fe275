/** Memory that is lent to one read, for readers of much data who keep none of it: fresh memory costs more than the bytes. */
export interface ReadBuffer {
  /**
   * The memory, for whoever fills it with exactly `length` bytes and returns it. Undefined when that is not its size, or it is taken:
   * a read that is made of several, or of another length, so gets none by mistake.
   */
  take(length: number): Uint8Array | undefined;
}

/** Options every I/O call takes. */
export interface IoOptions {
  /** Ends the call with an AbortedError. */
  readonly signal?: AbortSignal;
  /** The bytes are file contents read once: go past the page cache in large runs. */
  readonly bulk?: boolean;
  /** Where the result may lie. Who keeps what a read returned (a cache) must not pass this on to that read. */
  readonly into?: ReadBuffer;
}

/** Something opened that must be closed. `close()` may be called twice. */
export interface Closable extends AsyncDisposable {
  close(): Promise<void>;
}

/** Progress of long work, in whatever unit `unit` says. */
export interface Progress {
  readonly phase: string;
  readonly done: number;
  /** Undefined when not known. */
  readonly total?: number;
  readonly unit: 'bytes' | 'files' | 'steps';
}

/** Receives progress; called often, must return at once. */
export type ProgressSink = (progress: Progress) => void;

/** A tolerated defect or something the caller should know; never printed by the engine itself. */
export interface Warning {
  readonly source: string;
  readonly message: string;
  /** What was thrown, when an error was turned into this warning. */
  readonly cause?: unknown;
}

/** Receives warnings. */
export type WarningSink = (warning: Warning) => void;
