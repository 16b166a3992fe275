/**
 * OEM code pages 437 and 850, upper halves, from the tables that Unicode publishes
 * (unicode.org/Public/MAPPINGS/VENDORS/MICSFT/PC: CP437.TXT, CP850.TXT). The lower halves are ASCII.
 */
const UPPER_HALVES: Readonly<Record<number, string>> = {
  437:
    'ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐' +
    '└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u00a0',
  850:
    'ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜø£Ø×ƒáíóúñÑªº¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐' +
    '└┴┬├─┼ãÃ╚╔╩╦╠═╬¤ðÐÊËÈıÍÎÏ┘┌█▄¦Ì▀ÓßÔÒõÕµþÞÚÛÙýÝ¯´\u00ad±‗¾¶§÷¸°¨·¹³²■\u00a0',
};

const HALF = 0x80;

/** Text in the single-byte code page of short names and FAT labels. */
export class CodePage {
  readonly number: number;
  readonly #upper: string;
  readonly #codes = new Map<string, number>();

  constructor(number: number, upper: string) {
    this.number = number;
    this.#upper = upper;
    for (const [i, char] of [...upper].entries()) this.#codes.set(char, HALF + i);
  }

  /** Text of `length` bytes at `start`. */
  decode(data: Uint8Array, start: number, length: number): string {
    let out = '';
    for (let i = start; i < start + length; i++) {
      const byte = data[i]!;
      out += byte < HALF ? String.fromCharCode(byte) : this.#upper[byte - HALF];
    }
    return out;
  }

  /** The code of one character, or undefined when the page lacks it. */
  codeOf(char: string): number | undefined {
    const unit = char.charCodeAt(0);
    return char.length === 1 && unit < HALF ? unit : this.#codes.get(char);
  }

  /** Bytes of text, or undefined when a character is not in the page. */
  encode(text: string): Uint8Array | undefined {
    const out: number[] = [];
    for (const char of text) {
      const code = this.codeOf(char);
      if (code === undefined) return undefined;
      out.push(code);
    }
    return Uint8Array.from(out);
  }
}

/** The default code page: what Linux and an English DOS use. */
export const DEFAULT_CODE_PAGE = 437;

const pages = new Map(Object.entries(UPPER_HALVES).map(([n, upper]) => [Number(n), new CodePage(Number(n), upper)]));

/** A code page by number (437 or 850), or undefined. */
export function codePage(number: number): CodePage | undefined {
  return pages.get(number);
}

/** {@link DEFAULT_CODE_PAGE} as an object. */
export const defaultCodePage: CodePage = pages.get(DEFAULT_CODE_PAGE)!;
