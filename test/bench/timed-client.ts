import http from 'node:http'

export interface TimedAnswer {
  readonly status: number
  /** When the request was made, of `performance.now()`. */
  readonly startedAt: number
  /** Milliseconds from the request to the first text that is not empty; undefined when none came. */
  readonly firstTextMs: number | undefined
  /** Milliseconds from the request to the end of the answer. */
  readonly totalMs: number
  readonly body: Buffer
}

export interface TimedClient {
  /** Posts to the chat completions path under that `host` header. Rejects when the answer is cut or takes 10 s. */
  post(host: string, body: Buffer): Promise<TimedAnswer>
  close(): void
}

const GIVE_UP_MS = 10_000
/** The role event's content is empty: it is no text yet. */
const FIRST_TEXT = /"content":"[^"]/

/** One connection, kept alive, one request at a time; it looks at bytes only as long as no text has come. */
export function openTimedClient(address: string): TimedClient {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
  return {
    post: (host, body) => post(agent, address, host, body),
    close: () => agent.destroy(),
  }
}

function post(agent: http.Agent, address: string, host: string, body: Buffer): Promise<TimedAnswer> {
  const headers = { host, 'content-type': 'application/json', 'content-length': body.byteLength }
  const options = { agent, method: 'POST', headers, signal: AbortSignal.timeout(GIVE_UP_MS) }
  return new Promise((resolve, reject) => {
    const startedAt = performance.now()
    const request = http.request(`${address}/v1/chat/completions`, options, response => {
      const chunks: Buffer[] = []
      let beforeText = ''
      let firstTextMs: number | undefined
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk)
        if (firstTextMs !== undefined) return
        beforeText += chunk.toString('latin1')
        if (FIRST_TEXT.test(beforeText)) firstTextMs = performance.now() - startedAt
      })
      response.on('end', () => {
        const totalMs = performance.now() - startedAt
        resolve({
          status: response.statusCode ?? 0,
          startedAt,
          firstTextMs,
          totalMs,
          body: Buffer.concat(chunks),
        })
      })
      response.on('error', reject)
    })
    request.on('error', reject)
    request.end(body)
  })
}
