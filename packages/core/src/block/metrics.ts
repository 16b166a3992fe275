import type { BlockDevice, IoOptions } from '../contracts/index.js';

/** What one layer has done so far. Times are milliseconds, sizes bytes. */
export interface LayerCounters {
  readonly reads: number;
  readonly bytesRead: number;
  readonly writes: number;
  readonly bytesWritten: number;
  readonly flushes: number;
  readonly cacheHits: number;
  readonly cacheMisses: number;
  /** Time spent waiting for the layer below; overlapping calls count each. */
  readonly milliseconds: number;
}

/** Counters of one layer, counted up by whoever does the work. */
export class LayerMetrics implements LayerCounters {
  reads = 0;
  bytesRead = 0;
  writes = 0;
  bytesWritten = 0;
  flushes = 0;
  cacheHits = 0;
  cacheMisses = 0;
  milliseconds = 0;
}

/** Counters of all layers of one session. */
export class IoMetrics {
  readonly #layers = new Map<string, LayerMetrics>();

  /** The counters of a layer, made on first use. */
  layer(name: string): LayerMetrics {
    let found = this.#layers.get(name);
    if (found === undefined) {
      found = new LayerMetrics();
      this.#layers.set(name, found);
    }
    return found;
  }

  /** A copy of all counters by layer, for reports. */
  snapshot(): Record<string, LayerCounters> {
    return Object.fromEntries([...this.#layers].map(([name, counters]) => [name, { ...counters }]));
  }
}

/** Run `work`, adding its time to a layer. */
export async function timed<T>(metrics: LayerMetrics | undefined, work: () => Promise<T>): Promise<T> {
  if (metrics === undefined) return work();
  const start = performance.now();
  try {
    return await work();
  } finally {
    metrics.milliseconds += performance.now() - start;
  }
}

/**
 * Count the traffic of a device without changing it otherwise: the device itself comes back, with its roles.
 * @returns an object that inherits from `device`
 */
export function metered<D extends BlockDevice>(device: D, metrics: LayerMetrics): D {
  const overrides: Pick<BlockDevice, 'read' | 'write' | 'flush'> = {
    read(offset: number, length: number, options?: IoOptions) {
      metrics.reads++;
      metrics.bytesRead += length;
      return timed(metrics, () => device.read(offset, length, options));
    },
    write(offset: number, data: Uint8Array, options?: IoOptions) {
      metrics.writes++;
      metrics.bytesWritten += data.length;
      return timed(metrics, () => device.write(offset, data, options));
    },
    flush() {
      metrics.flushes++;
      return timed(metrics, () => device.flush());
    },
  };
  return new Proxy(device, {
    get(target, key) {
      if (key === 'read' || key === 'write' || key === 'flush') return overrides[key];
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
