import { AbortedError, type CommandOptions, type CommandResult, LimitExceededError } from '@vmcraft/core';

/** Output that is kept when nobody takes it as it comes, bytes. */
const OUTPUT_LIMIT = 64 * 1024 * 1024;
/** Exit status of a program that a signal ended, as a shell has it. */
const SIGNALLED = 128;

/** What the helper says of the end of a program. */
export interface ProgramReport {
  readonly status?: number;
  readonly signal?: number;
  /** The kernel has killed for lack of memory. */
  readonly outOfMemory?: boolean;
}

/** Collects what a program writes, within limits. */
export class ProgramOutput {
  readonly #kept: [Uint8Array[], Uint8Array[]] = [[], []];
  #bytes = 0;
  #stopped: 'time' | 'abort' | 'output' | undefined;
  #passing: Promise<void> = Promise.resolve();
  onLimit: () => void = () => undefined;
  /** Told how many bytes have found their place, so that more may come. */
  onTaken: (bytes: number) => void = () => undefined;

  constructor(
    private readonly options: CommandOptions,
    private readonly memoryLimit: number,
  ) {}

  add(stream: 1 | 2, data: Uint8Array): void {
    if (this.#stopped !== undefined) return;
    this.#bytes += data.length;
    const { onOutput, outputLimit = onOutput === undefined ? OUTPUT_LIMIT : undefined } = this.options;
    if (outputLimit !== undefined && this.#bytes > outputLimit) this.stop('output', this.onLimit);
    else if (onOutput === undefined) {
      this.#kept[stream - 1]?.push(data);
      this.onTaken(data.length);
    } else this.#pass(stream, data, onOutput);
  }

  #pass(stream: 1 | 2, data: Uint8Array, onOutput: NonNullable<CommandOptions['onOutput']>): void {
    this.#passing = this.#passing.then(() => onOutput(stream, data));
    // Whoever takes it no more gets no more; the error is told at the end.
    this.#passing.then(
      () => this.onTaken(data.length),
      () => this.onLimit(),
    );
  }

  stop(why: 'time' | 'abort' | 'output', kill: () => void): void {
    this.#stopped ??= why;
    kill();
  }

  async end(): Promise<void> {
    await this.#passing;
  }

  result(report: ProgramReport, { timeout, outputLimit = OUTPUT_LIMIT }: CommandOptions): CommandResult {
    if (this.#stopped === 'abort') throw new AbortedError('command');
    if (this.#stopped === 'time')
      throw new LimitExceededError({
        limit: 'time of the command',
        value: timeout ?? 0,
        max: timeout ?? 0,
        option: 'timeout',
      });
    if (this.#stopped === 'output')
      throw new LimitExceededError({
        limit: 'output of the command, bytes',
        value: this.#bytes,
        max: outputLimit,
        option: 'outputLimit',
      });
    if (report.outOfMemory === true)
      throw new LimitExceededError({
        limit: 'memory of the command, bytes',
        value: this.memoryLimit,
        max: this.memoryLimit,
        option: 'memoryLimit',
      });
    const [stdout, stderr] = this.#kept.map((parts) => new Uint8Array(Buffer.concat(parts)));
    const status = report.status ?? SIGNALLED + (report.signal ?? 9);
    return { status, stdout: stdout ?? new Uint8Array(), stderr: stderr ?? new Uint8Array() };
  }
}
