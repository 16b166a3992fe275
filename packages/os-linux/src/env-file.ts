/**
 * Shell-style assignments as os-release(5), lsb-release and locale.conf(5) have them. Quotes and backslashes are undone; nothing is
 * expanded or executed.
 */
export function parseEnvFile(lines: readonly string[]): ReadonlyMap<string, string> {
  const out = new Map<string, string>();
  for (const line of lines) {
    const match = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)$/.exec(line);
    if (match !== null) out.set(match[1] as string, unquote((match[2] as string).trim()));
  }
  return out;
}

function unquote(text: string): string {
  const quote = text[0];
  if (quote === "'" || quote === '"') {
    const end = closing(text, quote);
    const inner = text.slice(1, end);
    return quote === '"' ? inner.replace(/\\(["$`\\])/g, '$1') : inner;
  }
  return text.replace(/\s+#.*$/, '').replace(/\\(.)/g, '$1');
}

/** Index of the closing quote, or the end of the text. */
function closing(text: string, quote: string): number {
  for (let i = 1; i < text.length; i++) {
    if (quote === '"' && text[i] === '\\') i += 1;
    else if (text[i] === quote) return i;
  }
  return text.length;
}
