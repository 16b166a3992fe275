import { ShellError } from '../../language/shell-error.js';
import { actionHelp, commandHelp, commandList } from '../help.js';
import { runLocal } from '../local-command.js';
import type { MetaCommand } from '../meta-command.js';
import type { Shell } from '../shell.js';

async function more(shell: Shell, words: readonly string[], typed: string): Promise<void> {
  if (words.length !== 1) throw new ShellError(`use '${typed} filename' to page a file`);
  const file = words[0]!;
  if (!shell.output.isTerminal) {
    await shell.call('download', [file, { write: (chunk: Uint8Array) => shell.output.write(chunk) }]);
    return;
  }
  const chunks: Uint8Array[] = [];
  await shell.call('download', [file, { write: (chunk: Uint8Array) => void chunks.push(Uint8Array.from(chunk)) }]);
  await page(shell, Buffer.concat(chunks), typed === 'less' ? 'less' : undefined);
}

async function page(shell: Shell, text: Uint8Array, program?: string): Promise<void> {
  await runLocal(program ?? process.env.PAGER ?? 'more', shell.output, text);
}

/** The whole reference, as `man` shows it. */
export function manualText(shell: Pick<Shell, 'guest' | 'meta'>): string {
  const actions = [...shell.guest.actions].sort((a, b) => (a.name < b.name ? -1 : 1));
  return [
    'COMMANDS\n',
    commandList(actions, shell.meta.list),
    ...shell.meta.list.map(commandHelp),
    ...actions.map(actionHelp),
  ].join('\n');
}

/** Commands that show text. */
export const textCommands: readonly MetaCommand[] = [
  {
    name: 'echo',
    aliases: [],
    summary: 'display a line of text',
    synopsis: ['echo [params ...]'],
    doc: 'This echos the parameters to the terminal.',
    async run(shell, words) {
      await shell.output.write(`${words.join(' ')}\n`);
    },
  },
  {
    name: 'more',
    aliases: ['less'],
    summary: 'view a file',
    synopsis: ['more filename', 'less filename'],
    doc: 'This is used to view a file. The default viewer is $PAGER. However if you use the alternate command "less" you will get the "less" command specifically.',
    run: more,
  },
  {
    name: 'man',
    aliases: ['manual'],
    summary: 'open the manual',
    synopsis: ['man'],
    doc: 'Shows the reference of all commands with $PAGER.',
    async run(shell, words) {
      if (words.length > 0) throw new ShellError("use 'man' without parameters to open the manual");
      const text = manualText(shell);
      if (shell.output.isTerminal) await page(shell, Buffer.from(text));
      else await shell.output.write(text);
    },
  },
];
