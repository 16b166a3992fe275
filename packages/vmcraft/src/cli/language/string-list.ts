import { ShellError } from './shell-error.js';

/**
 * Split the word of a list argument at white space. Single quotes keep white space together; `\'` is a quote itself
 * (guestfish(1), QUOTING).
 * @throws ShellError when a quote does not end
 */
export function parseStringList(text: string): string[] {
  const list: string[] = [];
  let item: string | undefined;
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const letter = text[i]!;
    if (letter === '\\' && text[i + 1] === "'") {
      item = `${item ?? ''}'`;
      i += 1;
    } else if (letter === "'") {
      quoted = !quoted;
      item ??= '';
    } else if (!quoted && /\s/.test(letter)) {
      if (item !== undefined) list.push(item);
      item = undefined;
    } else {
      item = (item ?? '') + letter;
    }
  }
  if (quoted) throw new ShellError(`Runaway quote in string "${text}"`);
  if (item !== undefined) list.push(item);
  return list;
}

/** The word that {@link parseStringList} takes apart into `list`. */
export function formatStringList(list: readonly string[]): string {
  return list
    .map((item) => {
      const escaped = item.replaceAll("'", "\\'");
      return item === '' || /\s/.test(item) ? `'${escaped}'` : escaped;
    })
    .join(' ');
}
