import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeMessage, MessageDecoder, type Wire } from '../src/codec.js';

const { value } = fc.letrec<{ value: Wire }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constant(null),
    fc.uint8Array({ maxLength: 40 }).map((bytes) => Uint8Array.from(bytes)),
    fc.array(tie('value'), { maxLength: 5 }),
  ),
}));

describe('messages to the library and back', () => {
  it('are the same whatever bytes they hold and however they are cut', () => {
    fc.assert(
      fc.property(fc.array(value, { minLength: 1, maxLength: 4 }), fc.integer({ min: 1, max: 9 }), (messages, cut) => {
        const bytes = Buffer.concat(messages.map(encodeMessage));
        const decoder = new MessageDecoder();
        const found: Wire[] = [];
        for (let at = 0; at < bytes.length; at += cut) found.push(...decoder.push(bytes.subarray(at, at + cut)));
        expect(found).toEqual(messages);
      }),
    );
  });

  it('that are none are refused, and allocate nothing', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (body) => {
        const head = Buffer.alloc(4);
        head.writeUInt32BE(body.length);
        try {
          [...new MessageDecoder().push(Buffer.concat([head, body]))];
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
        }
      }),
      { numRuns: 2000 },
    );
    for (const text of ['L99999999999;', 'S5;abc', 'X1;', 'L1;', `${'L1;'.repeat(20)}N;`, 'S-1;']) {
      const head = Buffer.alloc(4);
      head.writeUInt32BE(text.length);
      expect(() => [...new MessageDecoder().push(Buffer.concat([head, Buffer.from(text)]))], text).toThrow(RangeError);
    }
    expect(() => [...new MessageDecoder().push(Buffer.alloc(4, 0xff))]).toThrow(RangeError);
  });
});
