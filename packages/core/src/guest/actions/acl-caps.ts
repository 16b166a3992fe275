import { S_IFREG } from '../../contracts/index.js';
import { FsError } from '../../errors/index.js';
import { deleteDefaultAcl, getAcl, setAcl } from '../acl-file.js';
import { arg, defineAction, Pathname, PlainString } from '../action.js';
import { formatCapabilities, parseCapabilities } from '../capability-text.js';
import { decodeFileCapabilities, encodeFileCapabilities } from '../file-capabilities.js';
import type { Session } from '../session.js';
import { setXattrAt, xattrsAt } from '../xattrs.js';

const path = arg('path', Pathname);
const acltype = arg('acltype', PlainString);
const theme = 'acl-caps';
const CAPABILITY = 'security.capability';

async function getCapabilities(g: Session, name: string): Promise<string> {
  const attributes = await xattrsAt(await g.vfs.resolve(name, 'cap_get_file'));
  const found = attributes.find(({ attrname }) => attrname === CAPABILITY);
  return found === undefined ? '' : formatCapabilities(decodeFileCapabilities(found.attrval));
}

async function setCapabilities(g: Session, name: string, text: string): Promise<void> {
  const operation = 'cap_set_file';
  const value = encodeFileCapabilities(parseCapabilities(text));
  const location = await g.vfs.resolve(name, operation, false);
  if ((await location.type()) !== S_IFREG) {
    throw new FsError('EINVAL', { operation, path: name, reason: 'not a regular file' });
  }
  await setXattrAt(g, location, CAPABILITY, value, operation, name);
}

/** Functions on access control lists and file capabilities. */
export const aclCapsActions = [
  defineAction({
    name: 'acl_get_file',
    theme,
    group: 'acl',
    args: [path, acltype],
    returns: 'RString',
    doc: 'An access control list in the long text form of acl(5), with numbers for users and groups. `acltype` is `access` or `default`.',
    run: getAcl,
  }),
  defineAction({
    name: 'acl_set_file',
    theme,
    group: 'acl',
    args: [path, acltype, arg('acl', PlainString)],
    returns: 'void',
    doc: 'Replace an access control list. `acl` is in the long or short text form of acl(5), such as `u::rwx,g::rx,o::r,m::rx,u:500:rx`.',
    run: setAcl,
  }),
  defineAction({
    name: 'acl_delete_def_file',
    theme,
    group: 'acl',
    args: [arg('dir', Pathname)],
    returns: 'void',
    doc: 'Remove the default access control list of a directory.',
    run: deleteDefaultAcl,
  }),
  defineAction({
    name: 'cap_get_file',
    theme,
    group: 'linuxcaps',
    args: [path],
    returns: 'RString',
    doc: 'The Linux capabilities of a file in the text form of cap_to_text(3), such as `cap_net_raw=ep`; empty when it has none.',
    run: getCapabilities,
  }),
  defineAction({
    name: 'cap_set_file',
    theme,
    group: 'linuxcaps',
    args: [path, arg('cap', PlainString)],
    returns: 'void',
    doc: 'Set the Linux capabilities of a file, in the text form of cap_from_text(3).',
    run: setCapabilities,
  }),
] as const;
