import { once } from 'node:events'
import http2 from 'node:http2'

/** One stream of an HTTP/2 client. */
export interface H2Exchange {
  /** Status and headers, waited for. Rejects when the stream is reset before them. */
  readonly head: Promise<http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader>
  readonly text: string
  /** Resolves when the body so far is `expected`. */
  until(expected: string): Promise<void>
  readonly ended: Promise<'complete' | 'cut'>
  /** Empty when none came. */
  readonly trailers: http2.IncomingHttpHeaders
  leave(): void
}

export interface H2Client {
  send(
    path: string,
    body: string,
    headers?: http2.OutgoingHttpHeaders,
    trailers?: http2.OutgoingHttpHeaders,
  ): H2Exchange
  /** Whether the one connection is still open. */
  readonly isOpen: boolean
  close(): Promise<void>
}

/** All its exchanges share one connection, with prior knowledge, as in a mesh. */
export async function connectH2(base: string): Promise<H2Client> {
  const session = http2.connect(base)
  session.on('error', () => {})
  await once(session, 'connect')
  return {
    send(path, body, headers = {}, trailers) {
      const sent = { ':method': 'POST', ':path': path, 'content-type': 'application/json', ...headers }
      const stream = session.request(sent, { waitForTrailers: trailers !== undefined })
      stream.on('wantTrailers', () => stream.sendTrailers(trailers ?? {}))
      stream.end(body)
      return watch(stream)
    },
    get isOpen() {
      return !session.closed && !session.destroyed
    },
    async close() {
      const closed = once(session, 'close')
      session.destroy()
      await closed
    },
  }
}

function watch(stream: http2.ClientHttp2Stream): H2Exchange {
  let text = ''
  let trailers: http2.IncomingHttpHeaders = {}
  const looks: (() => void)[] = []
  const seen = { isWhole: false }
  stream.on('data', (chunk: Buffer) => {
    text += chunk.toString()
    for (const look of looks.splice(0)) look()
  })
  stream.on('trailers', received => {
    trailers = received
  })
  stream.on('end', () => {
    seen.isWhole = stream.rstCode === http2.constants.NGHTTP2_NO_ERROR
  })
  stream.on('error', () => {})
  const head = once(stream, 'response').then(([headers]) => headers)
  head.catch(() => {})
  const ended = new Promise<'complete' | 'cut'>(resolve => {
    stream.on('close', () => resolve(seen.isWhole && stream.rstCode === 0 ? 'complete' : 'cut'))
  })
  return {
    head,
    get text() {
      return text
    },
    async until(expected) {
      while (text !== expected) await new Promise<void>(resolve => looks.push(resolve))
    },
    ended,
    get trailers() {
      return trailers
    },
    leave: () => stream.close(http2.constants.NGHTTP2_CANCEL),
  }
}
