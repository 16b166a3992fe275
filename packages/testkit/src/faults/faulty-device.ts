import type { BlockDevice } from '@vmcraft/core';
import { FaultCounter, type FaultPlan, intercept } from './plan.js';

const METHODS = ['read', 'write', 'flush', 'discard', 'resize'];

/**
 * A device whose calls go wrong as planned. It keeps the roles of the device it wraps; `peek` is hidden, so that every read is a call.
 * @returns the device, and a counter of its I/O calls
 * @example
 * const { device, counter } = faultyDevice(new MemoryDevice(1 << 20), { failAt: 3 });
 */
export function faultyDevice<D extends BlockDevice>(target: D, plan: FaultPlan): { device: D; counter: FaultCounter } {
  const counter = new FaultCounter(plan);
  const device = intercept(target, METHODS, async (method, call) => {
    await counter.enter('faulty device', method);
    const result = await call();
    return method === 'read' ? counter.shorten(result as Uint8Array) : result;
  });
  const hidden = new Proxy(device, { get: (inner, key) => (key === 'peek' ? undefined : Reflect.get(inner, key)) });
  return { device: hidden, counter };
}
