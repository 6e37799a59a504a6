import type { LlmFormat } from '../format.ts'
import { responseShape } from '../response-shape.ts'
import { McpPosition, renderError, renderRefusal, streamRefusal } from './refusal.ts'
import { decodeRequest } from './request.ts'
import { claimsResponse, decodeResponse } from './response.ts'
import { rewrite, rewriteFrame } from './rewrite.ts'
import { openStream } from './stream.ts'

/** The Model Context Protocol over streamable HTTP: JSON-RPC messages, posted to one endpoint. */
export const mcp = {
  name: 'mcp',
  answersWithoutBody: true,
  decodeRequest,
  shapeOf: responseShape,
  decodeResponse,
  openStream,
  openPosition: () => new McpPosition(),
  refusal: renderRefusal,
  streamRefusal,
  error: renderError,
  rewrite,
  rewriteFrame,
  heartbeat: new TextEncoder().encode(':\n\n'),
  claimsResponse,
} satisfies LlmFormat
