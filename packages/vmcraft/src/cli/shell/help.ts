import { type AnyAction, commandName, type OptionKinds } from '@vmcraft/core/guest';

/** A command that is the shell's own, not an action of the guest. */
export interface CommandDoc {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly summary: string;
  /** Lines of the synopsis. */
  readonly synopsis: readonly string[];
  readonly doc: string;
}

/** `mount mountable mountpoint`, with options as `[name:..]`. */
export function usageLine(action: AnyAction): string {
  const args = action.args.filter((arg) => arg.kind.name !== 'Key').map((arg) => arg.name);
  return [commandName(action.name), ...args, ...optionUsage(action.options)].join(' ');
}

function optionUsage(options: OptionKinds | undefined): string[] {
  return Object.entries(options ?? {}).map(([name, kind]) => {
    if (kind.name === 'Bool') return `[${name}:true|false]`;
    return kind.name === 'Int' || kind.name === 'Int64' ? `[${name}:N]` : `[${name}:..]`;
  });
}

/** The first sentence of an action's documentation, as a title. */
export function summaryOf(action: AnyAction): string {
  const sentence = /^.*?(?=\.(\s|$)|$)/s.exec(action.doc.trim())![0].replace(/\s+/g, ' ');
  return /^[A-Z][a-z]/.test(sentence) ? sentence[0]!.toLowerCase() + sentence.slice(1) : sentence;
}

/** The help page of an action. */
export function actionHelp(action: AnyAction): string {
  const name = commandName(action.name);
  const aliases = action.aliases ?? [];
  const notes = [
    aliases.length === 0
      ? ''
      : `You can use ${aliases.map((a) => `'${a}'`).join(' or ')} as an alias for this command.`,
    action.group === undefined
      ? ''
      : `This command depends on the feature "${action.group}". See also "feature-available".`,
    deprecation(action.deprecatedBy),
  ].filter((note) => note !== '');
  return [
    `NAME\n    ${name} - ${summaryOf(action)}\n`,
    `SYNOPSIS\n     ${usageLine(action)}\n`,
    `DESCRIPTION\n${[action.doc.trim(), ...notes].map((p) => indent(p)).join('\n\n')}\n`,
  ].join('\n');
}

function deprecation(by: string | undefined): string {
  if (by === undefined) return '';
  return by === '(none)'
    ? 'This function is deprecated. There is no direct replacement.'
    : `This function is deprecated. Use "${commandName(by)}" instead.`;
}

/** The help page of a command of the shell. */
export function commandHelp(command: CommandDoc): string {
  const aliases =
    command.aliases.length === 0
      ? ''
      : `\n    You can use ${command.aliases.map((a) => `'${a}'`).join(' or ')} as an alias for this command.\n`;
  return [
    `NAME\n    ${command.name} - ${command.summary}\n`,
    `DESCRIPTION\n${command.synopsis.map((line) => `     ${line}`).join('\n')}\n`,
    `${indent(command.doc)}\n${aliases}`,
  ].join('\n');
}

const WIDTH = 76;

/** Text wrapped at the width of a help page, four columns in. */
function indent(text: string): string {
  return text
    .split(/\n\s*\n/)
    .map((paragraph) =>
      wrap(paragraph.replace(/\s+/g, ' ').trim(), WIDTH - 4)
        .map((line) => `    ${line}`)
        .join('\n'),
    )
    .join('\n\n');
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return line === '' ? lines : [...lines, line];
}

/** The list of all commands with one line each. */
export function commandList(actions: Iterable<AnyAction>, commands: readonly CommandDoc[]): string {
  const rows = new Map<string, string>();
  for (const command of commands) {
    rows.set(command.name, command.summary);
    for (const alias of command.aliases) rows.set(alias, `alias for '${command.name}'`);
  }
  for (const action of actions) {
    const name = commandName(action.name);
    rows.set(name, summaryOf(action));
    for (const alias of action.aliases ?? []) rows.set(alias, `alias for '${name}'`);
  }
  const sorted = [...rows].sort(([a], [b]) => (a < b ? -1 : 1));
  return `    Command              Description\n${sorted.map(([name, text]) => `${name.padEnd(20)} ${text}\n`).join('')}`;
}

/** What `help` alone says. */
export const GENERAL_HELP = `Add disk images to examine using the ‘-a’ option, or the ‘add’ command.
Or create a new disk image using ‘-N’, or the ‘alloc’ or ‘sparse’ commands.
Once you have done this, use the ‘run’ command.

For more information about a command, use ‘help cmd’.

To read the manual, type ‘man’.

`;
