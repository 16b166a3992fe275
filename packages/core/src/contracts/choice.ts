/** Which provider was chosen for something, and why not another. */
export interface ProviderChoice {
  readonly kind: 'backend' | 'filesystem' | 'actions';
  /** What it was chosen for: an image, a device, the name of an action. */
  readonly subject: string;
  readonly provider: string;
  /** One line for people: `reads and writes qcow2 in this process`. */
  readonly reason: string;
  /** Those that were preferred, and what each lacked. */
  readonly passedOver: readonly { readonly name: string; readonly reason: string }[];
}
