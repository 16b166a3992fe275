import { arg, Device, defineAction, FileOut, Pathname, PlainString } from '../action.js';
import { checksum, checksumsOut } from '../checksum.js';

const csumtype = arg('csumtype', PlainString);

/** Functions that compute checksums. */
export const checksumActions = [
  defineAction({
    name: 'checksum',
    theme: 'checksum',
    args: [csumtype, arg('path', Pathname)],
    returns: 'RString',
    doc: 'Checksum of a file: `crc` (as cksum(1)), `md5`, `sha1`, `sha224`, `sha256`, `sha384` or `sha512`.',
    run: (g, type, name) => checksum(g, type, name, 'checksum'),
  }),
  defineAction({
    name: 'checksum_device',
    theme: 'checksum',
    args: [csumtype, arg('device', Device)],
    returns: 'RString',
    doc: 'Checksum of the contents of a device; types as for `checksum`.',
    run: (g, type, name) => checksum(g, type, name, 'checksum_device'),
  }),
  defineAction({
    name: 'checksums_out',
    theme: 'checksum',
    args: [csumtype, arg('directory', Pathname), arg('sumsfile', FileOut)],
    returns: 'void',
    doc: 'Write the checksums of all regular files below a directory to a file of the host, in the form of sha256sum(1) and its like, with names that begin with `./`.',
    run: (g, type, directory, target) => checksumsOut(g, type, directory, target, 'checksums_out'),
  }),
] as const;
