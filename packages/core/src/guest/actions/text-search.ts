import { arg, Bool, Dev_or_Path, defineAction, Int, Pathname, PlainString } from '../action.js';
import { describeCompressed, describeFile } from '../text/file-type.js';
import { grepLines } from '../text/grep.js';
import { headLines, tailLines } from '../text/head-tail.js';
import { hexdump } from '../text/hexdump.js';
import { findStrings } from '../text/strings.js';
import { countIn } from '../text/word-count.js';

const path = arg('path', Pathname);
const nrlines = arg('nrlines', Int);
const theme = 'text-search';

/** Functions that look at the contents of files as text. */
export const textActions = [
  defineAction({
    name: 'head',
    theme,
    args: [path],
    returns: 'RStringList',
    doc: 'The first 10 lines of a file.',
    run: (g, name) => headLines(g, name, 10, 'head'),
  }),
  defineAction({
    name: 'head_n',
    theme,
    args: [nrlines, path],
    returns: 'RStringList',
    doc: 'The first `nrlines` lines of a file; with a negative number, all but the last so many.',
    run: (g, count, name) => headLines(g, name, count, 'head_n'),
  }),
  defineAction({
    name: 'tail',
    theme,
    args: [path],
    returns: 'RStringList',
    doc: 'The last 10 lines of a file.',
    run: (g, name) => tailLines(g, name, 10, 'tail'),
  }),
  defineAction({
    name: 'tail_n',
    theme,
    args: [nrlines, path],
    returns: 'RStringList',
    doc: 'The last `nrlines` lines of a file; with a negative number, those from that line on.',
    run: (g, count, name) => tailLines(g, name, count, 'tail_n'),
  }),
  defineAction({
    name: 'wc_c',
    theme,
    args: [path],
    returns: 'RInt',
    doc: 'Number of bytes in a file.',
    run: async (g, name) => (await g.vfs.open(name, 'wc_c')).stat.size,
  }),
  defineAction({
    name: 'wc_l',
    theme,
    args: [path],
    returns: 'RInt',
    doc: 'Number of newlines in a file.',
    run: (g, name) => countIn(g, name, 'lines', 'wc_l'),
  }),
  defineAction({
    name: 'wc_w',
    theme,
    args: [path],
    returns: 'RInt',
    doc: 'Number of words in a file, which white space parts.',
    run: (g, name) => countIn(g, name, 'words', 'wc_w'),
  }),
  defineAction({
    name: 'strings',
    theme,
    args: [path],
    returns: 'RStringList',
    doc: 'Runs of at least four printable characters in a file.',
    run: (g, name) => findStrings(g, 's', name, 'strings'),
  }),
  defineAction({
    name: 'strings_e',
    theme,
    args: [arg('encoding', PlainString), path],
    returns: 'RStringList',
    doc: 'As `strings`, for characters of an encoding: `s` (7-bit), `S` (8-bit), `b` and `l` (16-bit, big and little endian), `B` and `L` (32-bit).',
    run: (g, encoding, name) => findStrings(g, encoding, name, 'strings_e'),
  }),
  defineAction({
    name: 'hexdump',
    theme,
    args: [path],
    returns: 'RString',
    doc: 'The canonical dump of a file, as `hexdump -C`.',
    run: (g, name) => hexdump(g, name, 'hexdump'),
  }),
  defineAction({
    name: 'file',
    theme,
    args: [arg('path', Dev_or_Path)],
    returns: 'RString',
    doc: 'What a file or the contents of a device is, in the words of file(1). Compressed files are looked into.',
    run: (g, name) => describeFile(g, name, 'file'),
  }),
  defineAction({
    name: 'zfile',
    theme,
    deprecatedBy: 'file',
    args: [arg('meth', PlainString), path],
    returns: 'RString',
    doc: 'What is in a compressed file, in the words of file(1). `meth` is `gzip`, `compress` or `bzip2`.',
    run: describeCompressed,
  }),
  defineAction({
    name: 'grep',
    theme,
    args: [arg('regex', PlainString), path],
    options: { extended: Bool, fixed: Bool, insensitive: Bool, compressed: Bool },
    returns: 'RStringList',
    doc: 'Lines of a file in which a POSIX regular expression matches, with the extensions of GNU grep. Text is bytes, as with `LC_ALL=C`, and all files are taken as text. `fixed`: plain text; `compressed`: the file may be compressed.',
    run: (g, regex, name, { insensitive, ...options }) =>
      grepLines(g, regex, name, { ...options, ignoreCase: insensitive }, 'grep'),
  }),
] as const;
