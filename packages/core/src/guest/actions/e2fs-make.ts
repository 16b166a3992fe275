import { arg, Bool, Device, defineAction, Int, Int64, PlainString } from '../action.js';
import { makeExt } from '../make-ext.js';

const device = arg('device', Device);
const fstype = arg('fstype', PlainString);
const blocksize = arg('blocksize', Int);
const label = arg('label', PlainString);
const uuid = arg('uuid', PlainString);

const sizes = {
  blockscount: Int64,
  blocksize: Int64,
  fragsize: Int64,
  blockspergroup: Int64,
  numberofgroups: Int64,
  bytesperinode: Int64,
  inodesize: Int64,
  journalsize: Int64,
  numberofinodes: Int64,
  stridesize: Int64,
  stripewidth: Int64,
  maxonlineresize: Int64,
  reservedblockspercentage: Int,
  mmpupdateinterval: Int,
} as const;

const texts = {
  journaldevice: PlainString,
  label: PlainString,
  lastmounteddir: PlainString,
  creatoros: PlainString,
  fstype: PlainString,
  usagetype: PlainString,
  uuid: PlainString,
} as const;

const switches = {
  forcecreate: Bool,
  writesbandgrouponly: Bool,
  lazyitableinit: Bool,
  lazyjournalinit: Bool,
  testfs: Bool,
  discard: Bool,
  quotatype: Bool,
  extent: Bool,
  filetype: Bool,
  flexbg: Bool,
  hasjournal: Bool,
  journaldev: Bool,
  largefile: Bool,
  quota: Bool,
  resizeinode: Bool,
  sparsesuper: Bool,
  uninitbg: Bool,
} as const;

/** Functions that make file systems of the ext family. */
export const e2fsMakeActions = [
  defineAction({
    name: 'mke2fs',
    theme: 'e2fs',
    args: [device],
    options: { ...sizes, ...texts, ...switches },
    returns: 'void',
    doc: 'Make an ext2, ext3 or ext4 file system (`fstype`) with the options of mke2fs(8). `journalsize` is in MiB, other sizes are bytes. The switches from `extent` on turn a feature on or off.',
    run: (g, name, options) => makeExt(g, name, options, 'mke2fs'),
  }),
  defineAction({
    name: 'mke2fs_J',
    theme: 'e2fs',
    deprecatedBy: 'mke2fs',
    args: [fstype, blocksize, device, arg('journal', Device)],
    returns: 'void',
    doc: 'As `mke2fs`, with the journal on another device.',
    run: (g, type, size, name, journal) =>
      makeExt(g, name, { fstype: type, blocksize: size, journaldevice: journal }, 'mke2fs_J'),
  }),
  defineAction({
    name: 'mke2fs_JL',
    theme: 'e2fs',
    deprecatedBy: 'mke2fs',
    args: [fstype, blocksize, device, label],
    returns: 'void',
    doc: 'As `mke2fs`, with the journal on the device that has a label.',
    run: (g, type, size, name, text) =>
      makeExt(g, name, { fstype: type, blocksize: size, journaldevice: `LABEL=${text}` }, 'mke2fs_JL'),
  }),
  defineAction({
    name: 'mke2fs_JU',
    theme: 'e2fs',
    group: 'linuxfsuuid',
    deprecatedBy: 'mke2fs',
    args: [fstype, blocksize, device, uuid],
    returns: 'void',
    doc: 'As `mke2fs`, with the journal on the device that has a UUID.',
    run: (g, type, size, name, text) =>
      makeExt(g, name, { fstype: type, blocksize: size, journaldevice: `UUID=${text}` }, 'mke2fs_JU'),
  }),
  defineAction({
    name: 'mke2journal',
    theme: 'e2fs',
    deprecatedBy: 'mke2fs',
    args: [blocksize, device],
    returns: 'void',
    doc: 'Make a device a journal for another file system.',
    run: (g, size, name) => makeExt(g, name, { blocksize: size, journaldev: true }, 'mke2journal'),
  }),
  defineAction({
    name: 'mke2journal_L',
    theme: 'e2fs',
    deprecatedBy: 'mke2fs',
    args: [blocksize, label, device],
    returns: 'void',
    doc: 'As `mke2journal`, with a label.',
    run: (g, size, text, name) => makeExt(g, name, { blocksize: size, journaldev: true, label: text }, 'mke2journal_L'),
  }),
  defineAction({
    name: 'mke2journal_U',
    theme: 'e2fs',
    group: 'linuxfsuuid',
    deprecatedBy: 'mke2fs',
    args: [blocksize, uuid, device],
    returns: 'void',
    doc: 'As `mke2journal`, with a UUID.',
    run: (g, size, text, name) => makeExt(g, name, { blocksize: size, journaldev: true, uuid: text }, 'mke2journal_U'),
  }),
] as const;
