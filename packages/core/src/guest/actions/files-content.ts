import { S_IFREG, supports } from '../../contracts/index.js';
import { FsError, UsageError } from '../../errors/index.js';
import { arg, Bool, BufferIn, defineAction, Int, Int64, Pathname, PlainString } from '../action.js';
import { copyBytes } from '../copy-bytes.js';
import {
  bytesOf,
  haveSameContent,
  MAX_IN_MEMORY,
  openForWrite,
  readWhole,
  requireNotNegative,
  textOf,
  WRITE_CHUNK,
  writeStream,
  writeWhole,
} from '../file-content.js';
import type { Session } from '../session.js';

const path = arg('path', Pathname);

/** Preallocate a file of zeros, replacing what was there. */
async function allocate(g: Session, name: string, length: number, action: string): Promise<void> {
  requireNotNegative(length, 'len', action, name);
  const file = await openForWrite(g, name, action, true);
  const { fs } = file.location.mount;
  if (supports(fs, 'sparse')) await fs.allocate(file.location.node, 0, length);
  else await writeStream(g, file, 0, repeated(new Uint8Array(1), length), action);
}

/** `length` bytes of a pattern over and over. */
async function* repeated(pattern: Uint8Array, length: number): AsyncGenerator<Uint8Array> {
  const whole = Math.max(1, Math.floor(WRITE_CHUNK / pattern.length)) * pattern.length;
  const block = new Uint8Array(Math.min(whole, Math.ceil(length / pattern.length) * pattern.length));
  for (let at = 0; at < block.length; at += pattern.length) block.set(pattern, at);
  for (let left = length; left > 0; left -= block.length) yield block.subarray(0, Math.min(left, block.length));
}

/** touch(1), which guestfs allows on regular files only. */
async function touch(g: Session, name: string): Promise<void> {
  const slot = await g.vfs.slot(name, 'touch', 'EISDIR');
  if (slot.existing !== undefined && (await slot.existing.type()) !== S_IFREG) {
    throw new FsError('EINVAL', { operation: 'touch', path: name, reason: 'touch works on regular files only' });
  }
  if (slot.existing === undefined) await openForWrite(g, name, 'touch');
  const now = g.platform.now();
  await g.vfs.edit.setattr(name, { atime: now, mtime: now }, 'touch');
}

function lines(text: string): string[] {
  const list = text.split('\n');
  if (list.at(-1) === '') list.pop();
  return list.map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line));
}

/** Functions that read and write the contents of files. */
export const fileContentActions = [
  defineAction({
    name: 'cat',
    theme: 'files',
    args: [path],
    returns: 'RString',
    doc: 'The contents of a file as text. Bytes that are not UTF-8 are kept as lone surrogates; use `read_file` for binary files.',
    run: async (g, name) => textOf(await readWhole(g, name, 'cat')),
  }),
  defineAction({
    name: 'read_file',
    theme: 'files',
    args: [path],
    returns: 'RBufferOut',
    doc: 'The contents of a file. Use `download` for files that do not fit into memory.',
    run: (g, name) => readWhole(g, name, 'read_file'),
  }),
  defineAction({
    name: 'read_lines',
    theme: 'files',
    args: [path],
    returns: 'RStringList',
    doc: 'The lines of a text file without their ends, which may be LF or CRLF.',
    run: async (g, name) => lines(textOf(await readWhole(g, name, 'read_lines'))),
  }),
  defineAction({
    name: 'pread',
    theme: 'files',
    args: [path, arg('count', Int), arg('offset', Int64)],
    returns: 'RBufferOut',
    doc: 'Up to `count` bytes of a file from `offset` on; fewer at its end.',
    run: async (g, name, count, offset) => {
      requireNotNegative(count, 'count', 'pread', name);
      requireNotNegative(offset, 'offset', 'pread', name);
      const file = await g.vfs.open(name, 'pread', { signal: g.signal });
      const length = Math.min(count, Math.max(0, file.stat.size - offset));
      if (length > MAX_IN_MEMORY) throw new UsageError(`count must be at most ${MAX_IN_MEMORY}`, { argument: 'count' });
      return (await file.read(offset, length)).slice();
    },
  }),
  defineAction({
    name: 'pwrite',
    theme: 'files',
    args: [path, arg('content', BufferIn), arg('offset', Int64)],
    returns: 'RInt',
    doc: 'Write bytes into a file that exists, from `offset` on. Gives the number of bytes written: all of them.',
    run: async (g, name, content, offset) => {
      requireNotNegative(offset, 'offset', 'pwrite', name);
      const file = await g.vfs.edit.open(name, {}, 'pwrite');
      return (await writeStream(g, file, offset, bytesOf(content), 'pwrite')) - offset;
    },
  }),
  defineAction({
    name: 'write',
    theme: 'files',
    args: [path, arg('content', BufferIn)],
    returns: 'void',
    doc: 'Make a file with these contents, or replace the contents of one.',
    run: (g, name, content) => writeWhole(g, name, bytesOf(content), 'write'),
  }),
  defineAction({
    name: 'write_append',
    theme: 'files',
    args: [path, arg('content', BufferIn)],
    returns: 'void',
    doc: 'Add to the end of a file, which is made where it is missing.',
    run: async (g, name, content) => {
      const file = await openForWrite(g, name, 'write_append');
      await writeStream(g, file, file.size, bytesOf(content), 'write_append');
    },
  }),
  defineAction({
    name: 'write_file',
    theme: 'files',
    args: [path, arg('content', PlainString), arg('size', Int)],
    deprecatedBy: 'write',
    returns: 'void',
    doc: 'As `write`; `size` is the number of bytes to take, or 0 for all.',
    run: async (g, name, content, size) => {
      const bytes = bytesOf(content);
      if (size < 0 || size > bytes.length) throw new UsageError('size is not within the content', { argument: 'size' });
      await writeWhole(g, name, size === 0 ? bytes : bytes.subarray(0, size), 'write_file');
    },
  }),
  defineAction({
    name: 'touch',
    theme: 'files',
    args: [path],
    returns: 'void',
    doc: 'Set the times of a regular file to now, or make an empty file.',
    run: touch,
  }),
  defineAction({
    name: 'truncate',
    theme: 'files',
    args: [path],
    returns: 'void',
    doc: 'Cut a file that exists to no bytes.',
    run: async (g, name) => {
      await g.vfs.edit.open(name, { truncate: true }, 'truncate');
    },
  }),
  defineAction({
    name: 'truncate_size',
    theme: 'files',
    args: [path, arg('size', Int64)],
    returns: 'void',
    doc: 'Give a file that exists this size: cut it, or add zeros, which take no space where the file system can.',
    run: async (g, name, size) => {
      requireNotNegative(size, 'size', 'truncate_size', name);
      const file = await g.vfs.edit.open(name, {}, 'truncate_size');
      await file.truncate(size);
    },
  }),
  defineAction({
    name: 'fallocate',
    theme: 'files',
    args: [path, arg('len', Int)],
    deprecatedBy: 'fallocate64',
    returns: 'void',
    doc: 'Make a file of zeros whose space is reserved. One that exists is overwritten.',
    run: (g, name, length) => allocate(g, name, length, 'fallocate'),
  }),
  defineAction({
    name: 'fallocate64',
    theme: 'files',
    args: [path, arg('len', Int64)],
    returns: 'void',
    doc: 'Make a file of zeros whose space is reserved. One that exists is overwritten.',
    run: (g, name, length) => allocate(g, name, length, 'fallocate64'),
  }),
  defineAction({
    name: 'fill',
    theme: 'files',
    args: [arg('c', Int), arg('len', Int), path],
    returns: 'void',
    doc: 'Make a file of `len` bytes that all have the value `c`, 0 to 255.',
    run: async (g, byte, length, name) => {
      if (byte < 0 || byte > 255) throw new UsageError('c must be in the range [0..255]', { argument: 'c' });
      requireNotNegative(length, 'len', 'fill', name);
      await writeWhole(g, name, repeated(Uint8Array.of(byte), length), 'fill');
    },
  }),
  defineAction({
    name: 'fill_pattern',
    theme: 'files',
    args: [arg('pattern', PlainString), arg('len', Int), path],
    returns: 'void',
    doc: 'Make a file of `len` bytes in which a pattern repeats; the last one may be cut.',
    run: async (g, pattern, length, name) => {
      const bytes = bytesOf(pattern);
      if (bytes.length === 0) throw new UsageError('pattern must not be empty', { argument: 'pattern' });
      requireNotNegative(length, 'len', 'fill_pattern', name);
      await writeWhole(g, name, repeated(bytes, length), 'fill_pattern');
    },
  }),
  defineAction({
    name: 'equal',
    theme: 'files',
    args: [arg('file1', Pathname), arg('file2', Pathname)],
    returns: 'RBool',
    doc: 'Whether two files have the same contents.',
    run: (g, first, second) => haveSameContent(g, first, second, 'equal'),
  }),
  defineAction({
    name: 'copy_file_to_file',
    theme: 'files',
    args: [arg('src', Pathname), arg('dest', Pathname)],
    options: { srcoffset: Int64, destoffset: Int64, size: Int64, sparse: Bool, append: Bool },
    returns: 'void',
    doc: 'Copy bytes from one file to another: from `srcoffset`, to `destoffset` (or the end with `append`), `size` of them or all. With `sparse`, runs of zeros are left out.',
    run: (g, src, dest, options) => copyBytes(g, src, dest, options, 'copy_file_to_file'),
  }),
] as const;
