import { once } from 'node:events'
import http from 'node:http'
import { buffer } from 'node:stream/consumers'

/** A request of which nothing is made tidy on its way: the target, the headers and the cuts are the test's. */
export interface RawRequest {
  readonly method?: string
  /** The request target as it goes out: not resolved, not escaped. */
  readonly target: string
  readonly headers?: http.OutgoingHttpHeaders
  /** One piece has a length, many are chunks. What is awaited between two of them comes before the next. */
  readonly body: readonly (string | Uint8Array | (() => Promise<void>))[]
}

export interface RawAnswer {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly body: Buffer
}

/** Sends it over a connection of its own. The answer may come before the request is out. */
export async function sendRaw(base: string, request: RawRequest): Promise<RawAnswer> {
  const { hostname, port } = new URL(base)
  const { method = 'POST', target, headers = {}, body } = request
  const [whole] = body
  const isWhole = body.length === 1 && typeof whole !== 'function' && whole !== undefined
  const framing = isWhole
    ? { 'content-length': Buffer.byteLength(whole) }
    : { 'transfer-encoding': 'chunked' }
  const sent = http.request({
    ...{ hostname, port, method, path: target, agent: false },
    headers: { ...framing, ...headers },
  })
  // A refusal may close the connection under a body that is still on its way.
  sent.on('error', () => {})
  const answered = once(sent, 'response').then(([response]: http.IncomingMessage[]) => response!)
  for (const piece of body) {
    if (typeof piece === 'function') {
      sent.flushHeaders()
      await piece()
    } else sent.write(piece)
  }
  sent.end()
  const response = await answered
  return { status: response.statusCode ?? 0, headers: response.headers, body: await buffer(response) }
}
