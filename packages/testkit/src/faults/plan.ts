import { HostError } from '@vmcraft/core';

/** Which calls go wrong, and how. */
export interface FaultPlan {
  /** Number of the call that fails, counted from 1. */
  readonly failAt?: number;
  /** All calls from `failAt` on fail, as on a disk that is gone or full. */
  readonly sticky?: boolean;
  /** errno of the failure; `EIO` unless given. */
  readonly errno?: string;
  /** Only calls of these methods count; all I/O methods unless given. */
  readonly methods?: readonly string[];
  /** Number of the read that returns only half its bytes, counted from 1 among reads. */
  readonly shortReadAt?: number;
  /** Milliseconds that every call takes longer. */
  readonly latency?: number;
}

/** Counts calls and decides which of them fail. */
export class FaultCounter {
  calls = 0;
  reads = 0;
  readonly #plan: FaultPlan;

  constructor(plan: FaultPlan) {
    this.#plan = plan;
  }

  /** @throws HostError when this call is to fail */
  async enter(path: string, method: string): Promise<void> {
    const { latency, methods, failAt, sticky, errno } = this.#plan;
    if (latency !== undefined) await new Promise((resolve) => setTimeout(resolve, latency));
    if (methods !== undefined && !methods.includes(method)) return;
    this.calls++;
    if (failAt === undefined || (sticky === true ? this.calls < failAt : this.calls !== failAt)) return;
    throw new HostError({ path, operation: method, errno: errno ?? 'EIO', reason: `injected fault ${this.calls}` });
  }

  /** The bytes of a read, or half of them. */
  shorten(data: Uint8Array): Uint8Array {
    this.reads++;
    return this.reads === this.#plan.shortReadAt ? data.subarray(0, data.length >> 1) : data;
  }
}

/** An object like `target` whose named methods pass through `around`. */
export function intercept<T extends object>(
  target: T,
  methods: readonly string[],
  around: (method: string, call: () => unknown, args: readonly unknown[]) => unknown,
): T {
  return new Proxy(target, {
    get(_, key) {
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value !== 'function') return value;
      const bound = value.bind(target) as (...args: unknown[]) => unknown;
      if (typeof key !== 'string' || !methods.includes(key)) return bound;
      return (...args: unknown[]) => around(key, () => bound(...args), args);
    },
    set(_, key, value) {
      return Reflect.set(target, key, value, target);
    },
  });
}
