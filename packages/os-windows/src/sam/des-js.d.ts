declare module 'des.js' {
  interface DesOptions {
    readonly type: 'encrypt' | 'decrypt';
    readonly key: readonly number[] | Uint8Array;
    readonly padding?: boolean;
  }
  interface DesCipher {
    update(data: readonly number[] | Uint8Array): number[];
    final(): number[];
  }
  const des: { readonly DES: { create(options: DesOptions): DesCipher } };
  export default des;
}
