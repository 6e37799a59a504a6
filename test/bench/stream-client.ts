import http from 'node:http'
import { MANNER_HEADER, type Manner } from './stream-llm.ts'

export interface StreamAnswer {
  /** 0 when the connection broke before one came. */
  readonly status: number
  /** Empty where the chunks were taken by `onChunk`. */
  readonly text: string
  readonly ended: 'complete' | 'cut'
}

export interface OpenStream {
  /** Resolves with the first bytes that are not a heartbeat, or when the answer ended without any. */
  readonly begun: Promise<void>
  readonly answer: Promise<StreamAnswer>
  /** The client goes away. */
  leave(): void
}

export interface StreamRequest {
  /** Which policy, and so which `match.hosts`. */
  readonly host: string
  readonly body: string | Uint8Array
  readonly manner: Manner
  /** Takes the chunks instead of keeping them. */
  readonly onChunk?: (chunk: Buffer) => void
  /** Connections to use again; without one the stream has its own. */
  readonly agent?: http.Agent
}

/** One streamed answer through Envoy. Never rejects. */
export function openStream(base: string, { host, body, manner, onChunk, agent }: StreamRequest): OpenStream {
  const headers = {
    ...{ host, 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
    [MANNER_HEADER]: JSON.stringify(manner),
  }
  const begun = Promise.withResolvers<void>()
  const ended = Promise.withResolvers<StreamAnswer>()
  const chunks: Buffer[] = []
  const options = { method: 'POST', headers, agent: agent ?? false }
  const request = http.request(`${base}/v1/chat/completions`, options, response => {
    response.on('data', (chunk: Buffer) => {
      if (chunk[0] !== COLON) begun.resolve()
      if (onChunk) onChunk(chunk)
      else chunks.push(chunk)
    })
    response.on('error', () => {})
    response.on('close', () => {
      const status = response.statusCode ?? 0
      end({ status, text: Buffer.concat(chunks).toString(), ended: response.complete ? 'complete' : 'cut' })
    })
  })
  const end = (answer: StreamAnswer): void => {
    begun.resolve()
    ended.resolve(answer)
  }
  request.on('error', () => end({ status: 0, text: '', ended: 'cut' }))
  request.end(body)
  return { begun: begun.promise, answer: ended.promise, leave: () => void request.destroy() }
}

/** Of a heartbeat. */
const COLON = 0x3a

/** What the client's parser makes of it: heartbeats are nothing. */
export const withoutHeartbeats = (text: string): string => text.replaceAll(/^:\n\n/gm, '')

/** Runs `count` jobs, `atOnce` at a time. */
export async function runLanes(
  count: number,
  atOnce: number,
  job: (index: number) => Promise<void>,
): Promise<void> {
  let next = 0
  const lane = async (): Promise<void> => {
    while (next < count) await job(next++)
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, count) }, lane))
}
