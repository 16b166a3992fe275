/** Where parentheses begin and end that are in no other ones; quoted text counts for nothing. Undefined when they do not match. */
function outermost(text: string): { readonly start: number; readonly end: number }[] | undefined {
  const out: { start: number; end: number }[] = [];
  let [depth, start, isQuoted] = [0, 0, false];
  for (let at = 0; at < text.length; at++) {
    const sign = text[at];
    if (sign === '"') isQuoted = !isQuoted;
    if (isQuoted) continue;
    if (sign === '(' && depth++ === 0) start = at;
    if (sign !== ')') continue;
    if (depth-- === 0) return undefined;
    if (depth === 0) out.push({ start, end: at + 1 });
  }
  return depth === 0 && !isQuoted ? out : undefined;
}

/** The contents of the parentheses that the text consists of, and nothing else; undefined when it does not. */
export function splitEntries(text: string): string[] | undefined {
  const places = outermost(text);
  const rest = blankEntries(text);
  if (places === undefined || rest === undefined || rest.trim() !== '') return undefined;
  return places.map(({ start, end }) => text.slice(start + 1, end - 1));
}

/** The text with spaces for all that is in parentheses; undefined when they do not match. */
export function blankEntries(text: string): string | undefined {
  let [out, from] = ['', 0];
  const places = outermost(text);
  if (places === undefined) return undefined;
  for (const { start, end } of places) {
    out += text.slice(from, start) + ' '.repeat(end - start);
    from = end;
  }
  return out + text.slice(from);
}
