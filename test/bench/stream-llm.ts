import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { chatEvents } from '../support/chat.ts'

/** What the stand-in for an LLM does with a request; the client names it in this header. */
export const MANNER_HEADER = 'x-manner'

/** How an answer is given. */
export type Manner =
  /** The role and one token, then nothing until the client goes. */
  | { readonly kind: 'idle' }
  /** So many tokens, one after another, each with the time it was sent at as `"t":`, of `performance.now()`. */
  | { readonly kind: 'paced'; readonly tokens: number; readonly everyMs: number }
  /** These tokens at once, in events of their own, to the end. */
  | { readonly kind: 'whole'; readonly tokens: readonly string[] }
  /** These tokens, and no end. */
  | { readonly kind: 'begun'; readonly tokens: readonly string[] }
  /** So many tokens, one after another, and no end. */
  | { readonly kind: 'trickled'; readonly tokens: number; readonly everyMs: number }

export interface StreamLlm {
  /** `host:port` for Envoy. */
  readonly address: string
  /** Answers that are open now: one without an end is until Envoy lets it go. */
  readonly open: number
  stop(): Promise<void>
}

/** Tokens with a space at their end, so that no guardrail waits for the rest of a word. */
export const TOKEN = 'word '

/** An upstream for tens of thousands of streams: it remembers nothing of them. */
export async function startStreamLlm(): Promise<StreamLlm> {
  const open = new Set<ServerResponse>()
  const server = createServer((request, response) => {
    open.add(response)
    response.on('close', () => open.delete(response))
    request.resume()
    request.on('end', () => answer(mannerOf(request), response))
  })
  // Closing an idle connection races with the next request on it, which Envoy then answers with 503.
  server.keepAliveTimeout = 0
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    address: `127.0.0.1:${port}`,
    get open() {
      return open.size
    },
    async stop() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}

function mannerOf(request: IncomingMessage): Manner {
  return JSON.parse(String(request.headers[MANNER_HEADER]))
}

function answer(manner: Manner, response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  switch (manner.kind) {
    case 'idle':
      response.write(eventsOf([TOKEN]).slice(0, 2).join(''))
      return
    case 'paced':
      pace(manner, response)
      return
    case 'whole':
      response.end(eventsOf(manner.tokens).join(''))
      return
    case 'begun':
      response.write(eventsOf(manner.tokens).slice(0, -2).join(''))
      return
    case 'trickled':
      response.write(ROLE)
      repeat(manner, response, () => TOKEN_EVENT)
      return
    default:
      manner satisfies never
  }
}

/** What an answer of these tokens looks like on the wire. */
export function eventsOf(tokens: readonly string[]): readonly string[] {
  return chatEvents(...tokens)
}

const [ROLE = '', TOKEN_EVENT = '', ...ENDING] = chatEvents(TOKEN)
const [BEFORE_TIME, AFTER_TIME] = ['data: {"t":', TOKEN_EVENT.replace('data: {', ',')] as const

function pace(manner: Extract<Manner, { kind: 'paced' }>, response: ServerResponse): void {
  response.write(ROLE)
  const event = (): string => BEFORE_TIME + performance.now().toFixed(3) + AFTER_TIME
  repeat(manner, response, event, () => response.end(ENDING.join('')))
}

function repeat(
  { tokens, everyMs }: { readonly tokens: number; readonly everyMs: number },
  response: ServerResponse,
  event: () => string,
  finish: () => void = () => {},
): void {
  let left = tokens
  const timer = setInterval(() => {
    left -= 1
    response.write(event())
    if (left > 0) return
    clearInterval(timer)
    finish()
  }, everyMs)
  response.on('close', () => clearInterval(timer))
}
