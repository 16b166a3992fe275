import { arg, defineAction, Pathname, PlainString } from '../action.js';
import { grepLines } from '../text/grep.js';

const theme = 'text-search';
const deprecatedBy = 'grep';
const returns = 'RStringList';
const regexArgs = [arg('regex', PlainString), arg('path', Pathname)] as const;
const patternArgs = [arg('pattern', PlainString), arg('path', Pathname)] as const;

/** Older forms of `grep`, one for each of its options. */
export const grepActions = [
  defineAction({
    name: 'egrep',
    theme,
    deprecatedBy,
    args: regexArgs,
    returns,
    doc: 'Lines of a file in which an extended regular expression matches.',
    run: (g, regex, name) => grepLines(g, regex, name, { extended: true }, 'egrep'),
  }),
  defineAction({
    name: 'egrepi',
    theme,
    deprecatedBy,
    args: regexArgs,
    returns,
    doc: 'Lines of a file in which an extended regular expression matches, upper and lower case alike.',
    run: (g, regex, name) => grepLines(g, regex, name, { extended: true, ignoreCase: true }, 'egrepi'),
  }),
  defineAction({
    name: 'fgrep',
    theme,
    deprecatedBy,
    args: patternArgs,
    returns,
    doc: 'Lines of a file in which plain text matches.',
    run: (g, regex, name) => grepLines(g, regex, name, { fixed: true }, 'fgrep'),
  }),
  defineAction({
    name: 'fgrepi',
    theme,
    deprecatedBy,
    args: patternArgs,
    returns,
    doc: 'Lines of a file in which plain text matches, upper and lower case alike.',
    run: (g, regex, name) => grepLines(g, regex, name, { fixed: true, ignoreCase: true }, 'fgrepi'),
  }),
  defineAction({
    name: 'grepi',
    theme,
    deprecatedBy,
    args: regexArgs,
    returns,
    doc: 'Lines of a file in which a basic regular expression matches, upper and lower case alike.',
    run: (g, regex, name) => grepLines(g, regex, name, { ignoreCase: true }, 'grepi'),
  }),
  defineAction({
    name: 'zegrep',
    theme,
    deprecatedBy,
    args: regexArgs,
    returns,
    doc: 'Lines of a possibly compressed file in which an extended regular expression matches.',
    run: (g, regex, name) => grepLines(g, regex, name, { extended: true, compressed: true }, 'zegrep'),
  }),
  defineAction({
    name: 'zegrepi',
    theme,
    deprecatedBy,
    args: regexArgs,
    returns,
    doc: 'Lines of a possibly compressed file in which an extended regular expression matches, upper and lower case alike.',
    run: (g, regex, name) =>
      grepLines(g, regex, name, { extended: true, ignoreCase: true, compressed: true }, 'zegrepi'),
  }),
  defineAction({
    name: 'zfgrep',
    theme,
    deprecatedBy,
    args: patternArgs,
    returns,
    doc: 'Lines of a possibly compressed file in which plain text matches.',
    run: (g, regex, name) => grepLines(g, regex, name, { fixed: true, compressed: true }, 'zfgrep'),
  }),
  defineAction({
    name: 'zfgrepi',
    theme,
    deprecatedBy,
    args: patternArgs,
    returns,
    doc: 'Lines of a possibly compressed file in which plain text matches, upper and lower case alike.',
    run: (g, regex, name) => grepLines(g, regex, name, { fixed: true, ignoreCase: true, compressed: true }, 'zfgrepi'),
  }),
  defineAction({
    name: 'zgrep',
    theme,
    deprecatedBy,
    args: regexArgs,
    returns,
    doc: 'Lines of a possibly compressed file in which a basic regular expression matches.',
    run: (g, regex, name) => grepLines(g, regex, name, { compressed: true }, 'zgrep'),
  }),
  defineAction({
    name: 'zgrepi',
    theme,
    deprecatedBy,
    args: regexArgs,
    returns,
    doc: 'Lines of a possibly compressed file in which a basic regular expression matches, upper and lower case alike.',
    run: (g, regex, name) => grepLines(g, regex, name, { ignoreCase: true, compressed: true }, 'zgrepi'),
  }),
] as const;
