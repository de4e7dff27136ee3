import { Controller, Get } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiTags, type OpenAPIObject } from '@nestjs/swagger';

import { ApiProblems } from './api-problems.js';
import { OpenApiDocument } from './openapi-document.js';

@ApiTags('operations')
@ApiBearerAuth()
@Controller('api/v1/openapi.json')
export class OpenApiController {
  readonly #document: OpenApiDocument;

  constructor(document: OpenApiDocument) {
    this.#document = document;
  }

  @Get()
  @ApiOperation({ operationId: 'openApi', summary: 'This description' })
  @ApiOkResponse({ description: 'OpenAPI 3.', schema: { type: 'object' } })
  @ApiProblems()
  read(): OpenAPIObject {
    return this.#document.value;
  }
}
