import { type AttributeValue, DynamoDBClient } from '@aws-sdk/client-dynamodb';

export type LeaseItem = Record<string, AttributeValue>;

/** A client whose table holds what it is told. */
export class ScriptedDynamoDB extends DynamoDBClient {
  items: readonly LeaseItem[] = [];

  override send(): Promise<never> {
    return Promise.resolve({ Items: this.items } as never);
  }
}

/** As the SDK hands items over: the key is a text, and an attribute of another shape is not there. */
export function itemOf(input: Uint8Array): LeaseItem | undefined {
  try {
    const item: unknown = JSON.parse(Buffer.from(input).toString('utf8'));
    if (typeof item !== 'object' || item === null || Array.isArray(item)) return undefined;
    const attributes = Object.entries(item as Readonly<Record<string, unknown>>).filter(([, value]) =>
      isAttribute(value),
    );
    return Object.fromEntries(attributes) as LeaseItem;
  } catch {
    return undefined;
  }
}

const isText = (value: unknown): boolean => typeof value === 'string';
const shapes: Readonly<Record<string, (value: unknown) => boolean>> = {
  ...{ S: isText, N: isText, BOOL: (value) => typeof value === 'boolean', NULL: (value) => value === true },
  ...{ SS: isTexts, NS: isTexts, L: Array.isArray, M: (value) => typeof value === 'object' && value !== null },
};

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0 && value.every(isText);
}

function isAttribute(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const [[type = '', content] = [], ...others] = Object.entries(value);
  return others.length === 0 && Object.hasOwn(shapes, type) && shapes[type]?.(content) === true;
}
