import { strict as assert } from 'node:assert';
import { type INestApplication } from '@nestjs/common';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';

import { ProblemModel, RouteMoveModel, TopicFilterModel, TopicLimitModel } from './route-models.js';

/** The API's description, made from its controllers once they stand. Requests are checked against its paths before they are routed. */
export class OpenApiDocument {
  #value: OpenAPIObject | undefined;

  get value(): OpenAPIObject {
    assert(this.#value !== undefined, 'the document is made before the server listens');
    return this.#value;
  }

  make(app: INestApplication, version: string): void {
    const config = new DocumentBuilder()
      .setTitle('Tidemark admin')
      .setDescription(
        "Where each table's events go. Every change names the version that it replaces. Errors are problem documents (RFC 9457) with a `code`.",
      )
      .setVersion(version)
      .addBearerAuth({ type: 'http', scheme: 'bearer', description: 'Needed where a token is configured.' })
      .build();
    this.#value = SwaggerModule.createDocument(app, config, {
      extraModels: [ProblemModel, RouteMoveModel, TopicFilterModel, TopicLimitModel],
    });
  }
}
