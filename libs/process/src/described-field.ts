import { type AboutField } from './configuration-field.js';

export type Environment = Readonly<Record<string, string | undefined>>;

/** A field as it is documented. */
export interface DescribedField extends AboutField {
  readonly name: string;
  /** Text that stands for it when it is left out; `undefined`: none. */
  readonly default: string | undefined;
  readonly required: boolean;
}
