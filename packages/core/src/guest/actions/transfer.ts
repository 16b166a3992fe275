import { arg, Dev_or_Path, defineAction, FileIn, FileOut, Int64 } from '../action.js';
import { download, upload } from '../transfer.js';

const remotefilename = arg('remotefilename', Dev_or_Path);

/** Functions that move the bytes of one file or device between host and guest. */
export const transferActions = [
  defineAction({
    name: 'upload',
    theme: 'archive-transfer',
    args: [arg('filename', FileIn), remotefilename],
    returns: 'void',
    doc: 'Copy a file of the host (`-`: standard input) to a file or device of the guest. A file is replaced, or made where it is missing.',
    run: (g, source, name) => upload(g, source, name, 'upload'),
  }),
  defineAction({
    name: 'upload_offset',
    theme: 'archive-transfer',
    args: [arg('filename', FileIn), remotefilename, arg('offset', Int64)],
    returns: 'void',
    doc: 'Overwrite part of a file or device from `offset` on with the bytes of a host file. A missing file is made, with a hole before `offset`.',
    run: (g, source, name, offset) => upload(g, source, name, 'upload_offset', offset),
  }),
  defineAction({
    name: 'download',
    theme: 'archive-transfer',
    args: [remotefilename, arg('filename', FileOut)],
    returns: 'void',
    doc: 'Copy a file or device of the guest to a file of the host (`-`: standard output).',
    run: (g, name, target) => download(g, name, target, 'download'),
  }),
  defineAction({
    name: 'download_offset',
    theme: 'archive-transfer',
    args: [remotefilename, arg('filename', FileOut), arg('offset', Int64), arg('size', Int64)],
    returns: 'void',
    doc: 'Copy `size` bytes from `offset` on of a file or device to a file of the host. All of them must be there.',
    run: (g, name, target, offset, size) => download(g, name, target, 'download_offset', { offset, size }),
  }),
] as const;
