/** What the tests of the OpenAI-style formats share: recorded bodies, refusals, a server that answers what it is told. */

import { readFileSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'vitest'
import type { Decoded, Frame, LlmFormat, Part, Refusal, ReplyBody } from '../../../src/llm/format.ts'
import { asked, refusalOf } from './refused.ts'

export { asked, ID, MESSAGE } from './refused.ts'

export const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)
export const textOf = (bytes: Uint8Array): string =>
  new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)
export const jsonBytes = (value: unknown): Uint8Array => bytesOf(JSON.stringify(value))

export function readFixture(name: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(`../../fixtures/${name}`, import.meta.url)))
}

export const refusal = (changes: Partial<Refusal> = {}): Refusal =>
  refusalOf({ request: asked(), ...changes })

export function value<T>(decoded: Decoded<T>): T {
  if (decoded.kind !== 'ok') throw new Error(`undecodable: ${decoded.reason}`)
  return decoded.value
}

const NOWHERE = { path: '/', query: '' }

/** Role, text and path of each text, and how much cannot be read; or why nothing can. */
export function readRequest(format: LlmFormat, body: Uint8Array) {
  const decoded = format.decodeRequest(body, NOWHERE)
  if (decoded.kind !== 'ok') return decoded.reason
  const { segments, uninspectable } = decoded.value
  return { texts: segments.map(({ role, text, path }) => [role, text, path]), uninspectable }
}

export function readAnswer(format: LlmFormat, body: Uint8Array, contentType?: string) {
  const decoded = format.decodeResponse(body, contentType)
  if (decoded.kind !== 'ok') return decoded.reason
  const { segments, uninspectable } = decoded.value
  return { texts: segments.map(({ text, path }) => [text, path]), uninspectable }
}

export function framesOf(format: LlmFormat, bytes: Uint8Array): readonly Frame[] {
  const stream = format.openStream()
  return [...stream.push(bytes), ...stream.end()]
}

export const partsOf = (format: LlmFormat, text: string): readonly Part[] =>
  framesOf(format, bytesOf(text)).flatMap(frame => frame.parts)

/** The running texts of a stream, keyed `choice/kind/block`, its repeats, and the kinds of its other parts in order. */
export function gather(frames: readonly Frame[]) {
  const texts: Record<string, string> = {}
  const rest: string[] = []
  for (const part of frames.flatMap(frame => frame.parts)) {
    if (part.kind === 'text-delta') {
      const key = `${part.choice}/${part.textKind}/${part.block}`
      texts[key] = (texts[key] ?? '') + part.text
    } else if (part.kind === 'text-repeat') rest.push(`repeat ${part.block}: ${part.text}`)
    else rest.push(part.kind === 'finish' ? `finish ${part.choice}` : part.kind)
  }
  return { texts, rest }
}

/** A fixture says the same whole, byte by byte, and loses no byte. */
export function expectSameHowever(format: LlmFormat, bytes: Uint8Array): void {
  const whole = framesOf(format, bytes)
  const stream = format.openStream()
  const singly = [...bytes].flatMap(byte => stream.push(Uint8Array.of(byte)))
  expect([...singly, ...stream.end()]).toEqual(whole)
  expect(Buffer.concat(whole.map(frame => frame.bytes)).equals(bytes)).toBe(true)
}

/** A position after the first frames of a stream, and those frames' bytes. */
export function positionAfter(format: LlmFormat, bytes: Uint8Array, count: number) {
  const at = format.openPosition()
  const frames = framesOf(format, bytes).slice(0, count)
  for (const frame of frames) at.released(frame)
  return { at, released: Buffer.concat(frames.map(frame => frame.bytes)) }
}

/** The JSON data of each event; every event must end with its blank line. */
export function eventsOf(bytes: Uint8Array) {
  const all = textOf(bytes).split('\n\n')
  expect(all.pop()).toBe('')
  return all.map(event => {
    const data = /^data: (.*)$/m.exec(event)?.[1]
    return data === '[DONE]' ? data : JSON.parse(data ?? '')
  })
}

export interface Asked {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: Uint8Array
}

/** Runs a client against a server that gives one answer; also tells what the client sent. */
export async function served<T>(
  reply: ReplyBody & { readonly status?: number },
  ask: (origin: string) => Promise<T>,
): Promise<{ readonly shown: T; readonly asked: readonly Asked[] }> {
  const seen: Asked[] = []
  const server = createServer((request, response) => {
    const chunks: Uint8Array[] = []
    request.on('data', (chunk: Uint8Array) => chunks.push(chunk))
    request.on('end', () => {
      seen.push({ path: request.url ?? '', headers: request.headers, body: Buffer.concat(chunks) })
      response.writeHead(reply.status ?? 200, { 'content-type': reply.contentType, ...reply.headers })
      response.end(reply.body)
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  // A TCP server's address is never a string.
  const { port } = server.address() as AddressInfo
  try {
    return { shown: await ask(`http://127.0.0.1:${port}`), asked: seen }
  } finally {
    server.closeAllConnections()
    await new Promise(resolve => server.close(resolve))
  }
}
