import type { IoMetrics, LayerCounters } from '../block/index.js';
import type { ProviderChoice } from '../contracts/index.js';

/** Time of one phase of a session. */
export interface PhaseMetrics {
  readonly calls: number;
  readonly milliseconds: number;
}

/** What a session did and how long it took. */
export interface PerformanceMetrics {
  /** `open`, `discover`, `mount`, `inspect`, `commit`, and one entry per action called. */
  readonly phases: Readonly<Record<string, PhaseMetrics>>;
  /** Counters by layer: `image` is the disk image as a device, `cache` the page cache above it. */
  readonly layers: Readonly<Record<string, LayerCounters>>;
  /** Which provider was chosen for each image, file system and stand-in action, and why. */
  readonly providers: readonly ProviderChoice[];
  /** Since the session was made. */
  readonly milliseconds: number;
}

/** Adds up the time of phases. */
export class PhaseClock {
  readonly #phases = new Map<string, { calls: number; milliseconds: number }>();
  readonly #start = performance.now();

  constructor(private readonly io: IoMetrics) {}

  async time<T>(phase: string, work: () => Promise<T> | T): Promise<T> {
    const start = performance.now();
    try {
      return await work();
    } finally {
      const entry = this.#phases.get(phase) ?? { calls: 0, milliseconds: 0 };
      this.#phases.set(phase, entry);
      entry.calls += 1;
      entry.milliseconds += performance.now() - start;
    }
  }

  snapshot(providers: readonly ProviderChoice[] = []): PerformanceMetrics {
    return {
      phases: Object.fromEntries([...this.#phases].map(([name, entry]) => [name, { ...entry }])),
      layers: this.io.snapshot(),
      providers: [...providers],
      milliseconds: performance.now() - this.#start,
    };
  }
}
