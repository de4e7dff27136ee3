/** An answer other than success, in the shape that dynalite gives its own errors: the HTTP status and the JSON body. */
export class ServiceError extends Error {
  override readonly name = 'ServiceError';
  readonly statusCode: number;
  readonly body: Readonly<Record<string, unknown>>;

  constructor(type: string, message: string, statusCode = 400) {
    super(message);
    this.statusCode = statusCode;
    this.body = { __type: type, message };
  }
}

const dynamoDb = 'com.amazonaws.dynamodb.v20120810#';

export function validationError(message: string): ServiceError {
  return new ServiceError('com.amazon.coral.validate#ValidationException', message);
}

export function resourceInUse(message: string): ServiceError {
  return new ServiceError(`${dynamoDb}ResourceInUseException`, message);
}

export function resourceNotFound(message: string): ServiceError {
  return new ServiceError(`${dynamoDb}ResourceNotFoundException`, message);
}

export function throughputExceeded(message: string): ServiceError {
  return new ServiceError(`${dynamoDb}ProvisionedThroughputExceededException`, message);
}

/** Status and body of an error that carries an answer to the client, whoever made it. */
export function answerOf(error: unknown): Pick<ServiceError, 'statusCode' | 'body'> | undefined {
  if (typeof error !== 'object' || error === null || !('statusCode' in error) || !('body' in error)) return undefined;
  const { statusCode, body } = error;
  if (typeof statusCode !== 'number' || typeof body !== 'object' || body === null) return undefined;
  return { statusCode, body: body as Readonly<Record<string, unknown>> };
}
