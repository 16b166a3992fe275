/** Role of a platform: decompression of native speed, for blocks that fit in memory. */
export interface BlockCodecs {
  /**
   * Unpack a zlib stream (RFC 1950). Bytes after its end are ignored.
   * @param limit bytes that may come out; more is an error
   * @throws Error when the stream is broken or longer
   */
  inflate(data: Uint8Array, limit: number): Uint8Array;
}
