import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { ExportResult } from '../export-families.ts'

/** How the requests of one signal are sent. */
export interface SenderOptions {
  /** http or https. */
  readonly url: string
  /** Asked for with each request: keys rotate. Values may be secrets: nothing quotes one. */
  readonly headers: () => Readonly<Record<string, string>>
  readonly compression: 'gzip' | 'none'
  /** For one request with its retries. */
  readonly timeoutMs: number
}

/** What came of a request. `status` where the collector answered; `answer`: its body, of a 2xx. */
export interface Sent {
  readonly result: Exclude<ExportResult, 'rejected' | 'unencodable'>
  readonly status?: number
  readonly answer?: Uint8Array
}

/** An answer says in some words what was left out. A longer one is read no further, and its words are lost. */
const MAX_ANSWER_BYTES = 65_536
/** By OTLP's specification; every other status is final. */
const RETRIED = new Set([429, 502, 503, 504])
const FIRST_BACKOFF_MS = 1000
const LONGEST_BACKOFF_MS = 5000
/** A collector that says "at once" again and again would be asked as fast as it answers. */
const SHORTEST_PAUSE_MS = 200

/**
 * Posts OTLP requests. Never throws, follows no redirect, and ends at the deadline or when it is closed, whatever the
 * collector does. It holds no process open: a request that waits for its retry waits without keeping the event loop.
 */
export class OtlpSender {
  readonly #options: SenderOptions
  readonly #closed = new AbortController()

  constructor(options: SenderOptions) {
    this.#options = options
  }

  async send(bytes: Uint8Array): Promise<Sent> {
    const deadline = AbortSignal.timeout(this.#options.timeoutMs)
    const signal = AbortSignal.any([deadline, this.#closed.signal])
    const body = this.#options.compression === 'gzip' ? await compress(bytes) : bytes
    let backoffMs = FIRST_BACKOFF_MS
    let last: Sent = { result: 'unreachable' }
    while (!signal.aborted) {
      const sent = await this.#post(body, signal)
      if (sent.kind === 'sent') return sent.sent
      last = sent.sent
      // Spread, so that all who failed together do not come again together.
      const waitMs = Math.max(SHORTEST_PAUSE_MS, sent.retryAfterMs ?? backoffMs * (0.8 + Math.random() * 0.4))
      backoffMs = Math.min(backoffMs * 1.5, LONGEST_BACKOFF_MS)
      if (waitMs > this.#options.timeoutMs) return last
      await pause(waitMs, undefined, { signal, ref: false }).catch(() => {})
    }
    return this.#closed.signal.aborted ? { result: 'shutdown' } : last
  }

  /** Ends what is under way, and all that would come. */
  close(): void {
    this.#closed.abort()
  }

  async #post(body: Uint8Array, signal: AbortSignal): Promise<Attempt> {
    const { url, headers, compression } = this.#options
    try {
      const response = await fetch(url, {
        method: 'POST',
        redirect: 'manual',
        headers: {
          'user-agent': 'weir',
          ...headers(),
          'content-type': 'application/x-protobuf',
          ...(compression === 'gzip' && { 'content-encoding': 'gzip' }),
        },
        body,
        signal,
      })
      const answer = await readAnswer(response)
      const { status } = response
      if (response.ok) return { kind: 'sent', sent: { result: 'ok', status, ...(answer && { answer }) } }
      const sent = { result: 'refused', status } as const
      if (!RETRIED.has(status)) return { kind: 'sent', sent }
      return { kind: 'again', sent, retryAfterMs: retryAfterMs(response.headers.get('retry-after')) }
    } catch {
      // Its cause may name the address, and its headers are none of a log's business: the result says enough.
      if (this.#closed.signal.aborted) return { kind: 'sent', sent: { result: 'shutdown' } }
      return signal.aborted
        ? { kind: 'sent', sent: { result: 'timeout' } }
        : { kind: 'again', sent: { result: 'unreachable' }, retryAfterMs: undefined }
    }
  }
}

type Attempt =
  | { readonly kind: 'sent'; readonly sent: Sent }
  | { readonly kind: 'again'; readonly sent: Sent; readonly retryAfterMs: number | undefined }

const compress = promisify<Uint8Array, Uint8Array>(gzip)

/** Read to its end, so that the connection can be used again. */
async function readAnswer({ body }: Response): Promise<Uint8Array | undefined> {
  if (body === null) return undefined
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of body) {
    length += chunk.byteLength
    if (length > MAX_ANSWER_BYTES) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks, length)
}

function retryAfterMs(header: string | null): number | undefined {
  if (header === null) return undefined
  const sec = Number(header)
  if (Number.isFinite(sec)) return sec * 1000
  const at = Date.parse(header)
  return Number.isNaN(at) ? undefined : at - Date.now()
}
