import { complete } from './completion.js';
import { historyPath, loadHistory, saveHistory } from './history.js';
import { banner, promptStrings } from './prompt.js';
import type { Shell } from './shell.js';
import { TerminalInput } from './terminal-input.js';

/** Run the shell for a person at a terminal until `quit` or the end of input. */
export async function runInteractive(shell: Shell): Promise<void> {
  const strings = promptStrings(process.env);
  await shell.output.write(strings.init + banner(shell.settings.personality));
  const path = historyPath(shell.settings.personality);
  const history = loadHistory(path);
  const input = new TerminalInput({ history, complete: (line) => complete(shell, line) });
  shell.input = input;
  try {
    while (!shell.quit) {
      const line = await input.ask(strings.prompt);
      if (line === undefined) {
        await shell.output.write('\n');
        break;
      }
      if (line.trim() !== '' && history.at(-1) !== line) history.push(line);
      if (strings.output !== '') await shell.output.write(strings.output);
      await runCancellable(shell, line);
    }
  } finally {
    shell.input = undefined;
    input.close();
    saveHistory(path, history);
    if (strings.restore !== '') await shell.output.write(strings.restore);
  }
}

/** Run a line; an interrupt cancels the command instead of ending the shell. */
async function runCancellable(shell: Shell, line: string): Promise<void> {
  const cancel = (): void => {
    shell.cancel();
  };
  process.on('SIGINT', cancel);
  try {
    await shell.runLine(line);
  } finally {
    process.off('SIGINT', cancel);
  }
}
