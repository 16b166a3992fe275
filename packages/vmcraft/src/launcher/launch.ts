import { join } from 'node:path';
import { codeCacheFolder, readCompiledCode, writeCompiledCode } from './code-cache.js';
import { Program } from './program.js';

/** A run that compiled this much more than is kept, in bytes, is worth keeping in its place. */
const WORTHWHILE = 64 * 1024;
/** One run of so many looks how much was compiled: looking takes milliseconds. */
const LOOK_EVERY = 8;

/**
 * Run a bundled program from its first part. What V8 compiled is kept between runs, for each `use` of the program on its own, because
 * most of the time of a short run is compiling. Unlike Node's own cache (since 22.1) it works with every Node, and needs one file.
 */
export function launch(folder: string, first: string, use: string): void {
  const cache = codeCacheFolder(process.env, process.platform);
  if (cache === undefined) {
    new Program(folder, undefined).require(first);
    return;
  }
  const path = join(cache, `${use}-${process.arch}-${process.versions.v8}`);
  const kept = readCompiledCode(path, first);
  const program = new Program(folder, kept);
  process.on('exit', (code) => {
    if (code !== 0 || (!program.hasNewParts && process.pid % LOOK_EVERY !== 0)) return;
    const { getHeapCodeStatistics } = process.getBuiltinModule('node:v8');
    const compiledBytes = getHeapCodeStatistics().bytecode_and_metadata_size;
    if (!program.hasNewParts && compiledBytes < (kept?.compiledBytes ?? 0) + WORTHWHILE) return;
    writeCompiledCode(path, { program: first, compiledBytes, parts: program.compile() });
  });
  program.require(first);
}
