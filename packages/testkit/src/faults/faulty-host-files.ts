import type { HostFile, HostFiles } from '@vmcraft/core';
import { FaultCounter, type FaultPlan, intercept } from './plan.js';

const HOST_METHODS = [
  'open',
  'stat',
  'rename',
  'remove',
  'flushFolder',
  'scratch',
  'trusts',
  'realPath',
  'lock',
  'resolveReference',
];
const FILE_METHODS = ['read', 'write', 'truncate', 'punchHole', 'flush', 'identity'];

/**
 * Host files whose calls go wrong as planned: those of the host (open, rename, …) and those of every file opened through it (read, write,
 * flush, …) count together.
 * @returns the files, and a counter of their I/O calls
 */
export function faultyHostFiles<H extends HostFiles>(host: H, plan: FaultPlan): { files: H; counter: FaultCounter } {
  const counter = new FaultCounter(plan);
  const files = intercept(host, HOST_METHODS, async (method, call, args) => {
    await counter.enter(typeof args[0] === 'string' ? args[0] : 'host', method);
    const result = await call();
    return method === 'open' || method === 'scratch' ? faultyFile(result as HostFile, counter) : result;
  });
  return { files, counter };
}

function faultyFile(file: HostFile, counter: FaultCounter): HostFile {
  return intercept(file, FILE_METHODS, async (method, call) => {
    await counter.enter(file.path, method);
    const result = await call();
    return method === 'read' ? counter.shorten(result as Uint8Array) : result;
  });
}
