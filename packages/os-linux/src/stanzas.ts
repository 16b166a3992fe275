/** Longest line and stanza that are kept; real databases stay far below. */
const MAX_LINE = 1 << 20;
const MAX_FIELDS = 1000;

/** Lines of a byte stream, as many at once as a chunk has, decoded as UTF-8; overlong ones are cut. */
async function* readLineBatches(chunks: AsyncIterable<Uint8Array>): AsyncIterable<readonly string[]> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of chunks) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop()!.slice(0, MAX_LINE);
    yield lines;
  }
  rest += decoder.decode();
  if (rest !== '') yield [rest];
}

/** What has been read of a paragraph. */
class StanzaReader {
  #fields = new Map<string, string>();
  #last: string | undefined;

  /** Take a line. @returns the paragraph that it ends */
  push(line: string): ReadonlyMap<string, string> | undefined {
    if (line === '' || line.trim() === '') return this.finish();
    if (line.startsWith(' ') || line.startsWith('\t')) this.#continue(line);
    else this.#begin(line);
    return undefined;
  }

  /** The last paragraph, which no empty line follows. */
  finish(): ReadonlyMap<string, string> | undefined {
    const stanza = this.#fields;
    this.#last = undefined;
    if (stanza.size === 0) return undefined;
    this.#fields = new Map();
    return stanza;
  }

  #begin(line: string): void {
    const colon = line.indexOf(':');
    this.#last = colon < 0 || this.#fields.size >= MAX_FIELDS ? undefined : line.slice(0, colon);
    if (this.#last !== undefined) this.#fields.set(this.#last, line.slice(colon + 1).trim());
  }

  #continue(line: string): void {
    if (this.#last === undefined) return;
    const before = this.#fields.get(this.#last)!;
    const kept = line.endsWith('\r') ? line.slice(0, -1) : line;
    if (before.length < MAX_LINE) this.#fields.set(this.#last, `${before}\n${kept}`);
  }
}

/** Paragraphs of `Field: value` lines with continuation lines, as deb-control(5) has them. */
export async function* readStanzas(chunks: AsyncIterable<Uint8Array>): AsyncIterable<ReadonlyMap<string, string>> {
  const reader = new StanzaReader();
  for await (const lines of readLineBatches(chunks)) {
    for (const line of lines) {
      const stanza = reader.push(line);
      if (stanza !== undefined) yield stanza;
    }
  }
  const last = reader.finish();
  if (last !== undefined) yield last;
}
