import { once } from 'node:events'
import http from 'node:http'

/** One HTTP/1.1 exchange of a client that looks at bytes and at how they end, and reuses no connection. */
export interface RawExchange {
  /** Status and headers, waited for. Rejects when the connection is cut before them. */
  readonly head: Promise<{ readonly status: number; readonly headers: http.IncomingHttpHeaders }>
  /** The body so far. */
  readonly text: string
  /** Resolves when the body so far is `expected`, or rejects when it ends otherwise. */
  until(expected: string): Promise<void>
  /** How the answer ended: as HTTP says, or by a connection that broke (before the answer or inside it). */
  readonly ended: Promise<'complete' | 'cut'>
  /** Sends a piece of a body that was opened with `sends: 'pieces'`. */
  write(piece: string): void
  endBody(trailers?: Record<string, string>): void
  /** The client goes away. */
  leave(): void
}

export interface RawRequest {
  readonly body?: string
  /** `pieces`: the body follows by `write` and `endBody`. */
  readonly sends?: 'whole' | 'pieces'
  readonly method?: string
  readonly path?: string
  readonly headers?: http.OutgoingHttpHeaders
}

export function send(base: string, options: RawRequest = {}): RawExchange {
  const { method = 'POST', path = '/', headers = {}, body = '{}', sends = 'whole' } = options
  const request = http.request(`${base}${path}`, { method, headers, agent: false })
  let text = ''
  let changed = (): void => {}
  const response = once(request, 'response').then(([one]: http.IncomingMessage[]) => one!)
  const ended = response.then(
    one =>
      new Promise<'complete' | 'cut'>(resolve => {
        one.on('data', (chunk: Buffer) => {
          text += chunk.toString()
          changed()
        })
        one.on('error', () => {})
        one.on('close', () => resolve(one.complete ? 'complete' : 'cut'))
      }),
    () => 'cut' as const,
  )
  const head = response.then(one => ({ status: one.statusCode ?? 0, headers: one.headers }))
  head.catch(() => {})
  // After the answer has begun the request may still fail on its own: `ended` tells it.
  request.on('error', () => {})
  void ended.then(() => changed())
  if (sends === 'pieces') request.flushHeaders()
  else if (method === 'GET') request.end()
  else request.end(body)

  return {
    head,
    get text() {
      return text
    },
    async until(expected) {
      let over = false
      void ended.then(() => {
        over = true
      })
      while (text !== expected) {
        if (over) throw new Error(`the answer ended as ${JSON.stringify(text)}`)
        await new Promise<void>(resolve => {
          changed = resolve
        })
      }
    },
    ended,
    write: piece => {
      request.write(piece)
    },
    endBody(given) {
      if (given) request.addTrailers(given)
      request.end()
    },
    leave: () => {
      request.destroy()
    },
  }
}
