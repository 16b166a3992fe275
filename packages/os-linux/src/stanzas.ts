/** Longest line and stanza that are kept; real databases stay far below. */
const MAX_LINE = 1 << 20;
const MAX_FIELDS = 1000;

/** Lines of a byte stream, decoded as UTF-8; overlong ones are cut. */
export async function* readLines(chunks: AsyncIterable<Uint8Array>): AsyncIterable<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of chunks) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = (lines.pop() as string).slice(0, MAX_LINE);
    yield* lines;
  }
  rest += decoder.decode();
  if (rest !== '') yield rest;
}

/** Paragraphs of `Field: value` lines with continuation lines, as deb-control(5) has them. */
export async function* readStanzas(chunks: AsyncIterable<Uint8Array>): AsyncIterable<ReadonlyMap<string, string>> {
  let stanza = new Map<string, string>();
  let last: string | undefined;
  for await (const raw of readLines(chunks)) {
    const line = raw.replace(/\r$/, '');
    if (line.trim() === '') {
      if (stanza.size > 0) yield stanza;
      stanza = new Map();
      last = undefined;
    } else if (/^[ \t]/.test(line)) {
      const before = last === undefined ? undefined : stanza.get(last);
      if (last !== undefined && before !== undefined && before.length < MAX_LINE)
        stanza.set(last, `${before}\n${line}`);
    } else {
      const colon = line.indexOf(':');
      last = colon < 0 || stanza.size >= MAX_FIELDS ? undefined : line.slice(0, colon);
      if (last !== undefined) stanza.set(last, line.slice(colon + 1).trim());
    }
  }
  if (stanza.size > 0) yield stanza;
}
