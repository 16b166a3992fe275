import { VmcraftError } from './base.js';

/** POSIX outcomes of file operations in a guest, with the text of strerror(3). */
export const FS_ERROR_TEXT = {
  E2BIG: 'Argument list too long',
  EACCES: 'Permission denied',
  EBADF: 'Bad file descriptor',
  EBUSY: 'Device or resource busy',
  EEXIST: 'File exists',
  EFBIG: 'File too large',
  EINVAL: 'Invalid argument',
  EIO: 'Input/output error',
  EISDIR: 'Is a directory',
  ELOOP: 'Too many levels of symbolic links',
  EMLINK: 'Too many links',
  ENAMETOOLONG: 'File name too long',
  ENODATA: 'No data available',
  ENODEV: 'No such device',
  ENOENT: 'No such file or directory',
  ENOSPC: 'No space left on device',
  ENOTBLK: 'Block device required',
  ENOTDIR: 'Not a directory',
  ENOTEMPTY: 'Directory not empty',
  ENOTSUP: 'Operation not supported',
  EPERM: 'Operation not permitted',
  ERANGE: 'Numerical result out of range',
  EROFS: 'Read-only file system',
  EXDEV: 'Invalid cross-device link',
} as const;

/** A POSIX error name, as in errno(3). */
export type FsErrorCode = keyof typeof FS_ERROR_TEXT;

/** The ordinary outcome of a file operation in a guest. `code` is Node's own spelling, for example `ENOENT`. */
export class FsError extends VmcraftError {
  declare readonly code: FsErrorCode;

  constructor(code: FsErrorCode, details: { operation: string; path?: string; reason?: string }, cause?: unknown) {
    const path = details.path === undefined ? '' : `: ${details.path}`;
    const reason = details.reason === undefined ? '' : ` (${details.reason})`;
    super({ code, message: `${details.operation}${path}: ${FS_ERROR_TEXT[code]}${reason}`, data: details, cause });
  }
}
