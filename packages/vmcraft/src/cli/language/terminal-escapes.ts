/** Where an invisible part of a prompt begins and ends (readline's own markers). */
export const INVISIBLE_START = '\x01';
export const INVISIBLE_END = '\x02';

const SIMPLE: Readonly<Record<string, string>> = {
  '\\': '\\',
  '[': INVISIBLE_START,
  ']': INVISIBLE_END,
  a: '\x07',
  e: '\x1b',
  n: '\n',
  r: '\r',
};

/** Text of `GUESTFISH_PS1` and its like with their escapes replaced (guestfish(1), PROMPT). Unknown escapes stay. */
export function decodePrompt(text: string): string {
  return text.replace(/\\(?:([\\[\]aenr])|([0-7]{3})|x([0-9a-fA-F]{2}))/g, (_, simple, octal, hex) => {
    if (simple !== undefined) return SIMPLE[simple as string]!;
    const code = octal !== undefined ? Number.parseInt(octal as string, 8) : Number.parseInt(hex as string, 16);
    return String.fromCharCode(code & 0xff);
  });
}

/** The text without its markers of invisible parts. */
export function withoutMarkers(text: string): string {
  return text.replaceAll(INVISIBLE_START, '').replaceAll(INVISIBLE_END, '');
}
