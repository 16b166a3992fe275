import type { Progress } from '@vmcraft/core/contracts';

const SPINNER = ['/', '-', '\\', '|'];
const REDRAW_MS = 100;

/** What the bar draws on: standard error, and how wide it is. */
export interface ProgressTarget {
  write(text: string): unknown;
  readonly columns?: number | undefined;
}

/**
 * The progress bar of guestfish: appears when work takes longer than a moment, is redrawn in place and leaves nothing behind.
 * `/ 10% [#####-----] 00:30`
 */
export class ProgressBar {
  readonly #target: ProgressTarget;
  readonly #delayMs: number;
  readonly #now: () => number;
  #started: number | undefined;
  #drawnAt = 0;
  #ticks = 0;
  #width = 0;

  constructor(target: ProgressTarget, options: { delayMs: number; now?: () => number }) {
    this.#target = target;
    this.#delayMs = options.delayMs;
    this.#now = options.now ?? (() => performance.now());
  }

  /** Take a progress report; draws at most ten times a second. */
  update(progress: Progress): void {
    const now = this.#now();
    this.#started ??= now;
    if (now - this.#started < this.#delayMs || now - this.#drawnAt < REDRAW_MS) return;
    this.#drawnAt = now;
    this.#ticks += 1;
    this.#draw(this.#line(progress, (now - this.#started) / 1000));
  }

  /** Remove the bar; the next report starts a new one. */
  clear(): void {
    this.#started = undefined;
    this.#ticks = 0;
    if (this.#width > 0) this.#target.write(`\r${' '.repeat(this.#width)}\r`);
    this.#width = 0;
  }

  #draw(line: string): void {
    this.#target.write(`\r${line.padEnd(this.#width)}`);
    this.#width = line.length;
  }

  #line(progress: Progress, seconds: number): string {
    const spinner = SPINNER[this.#ticks % SPINNER.length]!;
    const columns = Math.max(20, (this.#target.columns ?? 80) - 1);
    if (progress.total === undefined || progress.total === 0) {
      return `${spinner} ${progress.phase}: ${amount(progress.done, progress.unit)}`.slice(0, columns);
    }
    const ratio = Math.min(1, Math.max(0, progress.done / progress.total));
    const head = `${spinner} ${String(Math.floor(ratio * 100)).padStart(3)}% [`;
    const tail = `] ${clock(ratio > 0 ? seconds / ratio - seconds : 0)}`;
    const room = Math.max(4, columns - head.length - tail.length);
    const filled = Math.round(room * ratio);
    return head + '#'.repeat(filled) + '-'.repeat(room - filled) + tail;
  }
}

function amount(count: number, unit: Progress['unit']): string {
  return unit === 'bytes' ? `${(count / 1048576).toFixed(1)} MiB` : `${count} ${unit}`;
}

function clock(seconds: number): string {
  const whole = Math.min(5999, Math.max(0, Math.round(seconds)));
  return `${String(Math.floor(whole / 60)).padStart(2, '0')}:${String(whole % 60).padStart(2, '0')}`;
}
