import { isZero } from '../binary/index.js';
import { type BlockDevice, type BlockExtent, hasSparseMap, type ProgressSink } from '../contracts/index.js';
import { checkSpan, requireWritable, throwIfAborted } from './span.js';
import { writeZeroes } from './zeroes.js';

/** Bytes of one read. */
const RUN = 1024 * 1024;

/** How to copy a range. */
export interface CopyOptions {
  readonly signal?: AbortSignal;
  readonly progress?: ProgressSink;
  /**
   * What to do where the source reads as zeros: `discard` the target's range (the default), or `skip` it because the target is
   * known to be empty there.
   */
  readonly zeroes?: 'discard' | 'skip';
}

/**
 * Copy a range between devices, in runs of 1 MiB, reading one run ahead. Holes of the source are not read.
 * The ranges must not overlap when both are on one device.
 * @throws TruncatedImageError when a range ends past its device
 * @throws CapabilityError when the target is read-only
 * @throws AbortedError
 */
export async function copyRange(
  source: BlockDevice,
  sourceOffset: number,
  target: BlockDevice,
  targetOffset: number,
  length: number,
  options: CopyOptions = {},
): Promise<void> {
  requireWritable(target, 'target');
  checkSpan('source', source.size, sourceOffset, length);
  checkSpan('target', target.size, targetOffset, length);
  const shift = targetOffset - sourceOffset;
  for await (const run of runsOf(source, sourceOffset, length)) {
    throwIfAborted(options.signal, 'copy');
    if (run.kind === 'data') await copyData(source, target, run, shift, options);
    else if (options.zeroes !== 'skip') await writeZeroes(target, run.offset + shift, run.length, options);
    options.progress?.({ phase: 'copy', done: run.offset + run.length - sourceOffset, total: length, unit: 'bytes' });
  }
}

async function* runsOf(source: BlockDevice, offset: number, length: number): AsyncIterable<BlockExtent> {
  if (hasSparseMap(source)) yield* source.extents(offset, length);
  else if (length > 0) yield { offset, length, kind: 'data' };
}

async function copyData(
  source: BlockDevice,
  target: BlockDevice,
  run: BlockExtent,
  shift: number,
  options: CopyOptions,
): Promise<void> {
  const io = { bulk: true, ...(options.signal === undefined ? {} : { signal: options.signal }) };
  const end = run.offset + run.length;
  const fetch = (at: number): Promise<Uint8Array> | undefined => {
    const pending = at < end ? source.read(at, Math.min(RUN, end - at), io) : undefined;
    // A failure is met at the await below; until then it must not count as unhandled.
    pending?.catch(() => {});
    return pending;
  };
  let next = fetch(run.offset);
  for (let at = run.offset; at < end; at += RUN) {
    const data = (await next)!;
    next = fetch(at + RUN);
    if (!isZero(data)) await target.write(at + shift, data, io);
    else if (options.zeroes !== 'skip') await writeZeroes(target, at + shift, data.length, options);
  }
}
