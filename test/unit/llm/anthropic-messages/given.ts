import { readFileSync } from 'node:fs'
import { anthropicMessages } from '../../../../src/llm/anthropic-messages/index.ts'
import type { Frame, Part, Refusal } from '../../../../src/llm/format.ts'
import { asked, refusalOf } from '../refused.ts'

export { ID, MESSAGE } from '../refused.ts'

export const fixtures = new URL('../../../fixtures/anthropic-messages/', import.meta.url)
export const readFixture = (name: string): Uint8Array => readFileSync(new URL(name, fixtures))
export const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)
export const PLACE = { path: '/v1/messages', query: '' }

export const request = asked({ model: 'claude-x', streams: true })

export const refusal = (changes: Partial<Refusal> = {}): Refusal => refusalOf({ request, ...changes })

export const structured = refusal({ request: { ...request, structuredOutput: true } })

export function decode(bytes: Uint8Array): readonly Frame[] {
  const stream = anthropicMessages.openStream()
  return [...stream.push(bytes), ...stream.end()]
}

export const partsOf = (text: string): readonly Part[] =>
  decode(new TextEncoder().encode(text)).flatMap(frame => frame.parts)

/** A position after the first frames of a recorded stream. */
export function positionAfter(name: string, frameCount: number) {
  const at = anthropicMessages.openPosition()
  const frames = decode(readFixture(name)).slice(0, frameCount)
  for (const frame of frames) at.released(frame)
  return { at, released: Buffer.concat(frames.map(frame => frame.bytes)) }
}

interface SentEvent {
  readonly type: string
  readonly [key: string]: unknown
}

/** The events of a stream; each must have its name, its data and its blank line. */
export function eventsOf(bytes: Uint8Array): SentEvent[] {
  const all = textOf(bytes).split('\n\n')
  if (all.pop() !== '') throw new Error('the last event has no blank line')
  return all.map(event => {
    const [name, data, ...more] = event.split('\n')
    const parsed: SentEvent = JSON.parse(data!.slice('data: '.length))
    if (name !== `event: ${parsed.type}` || more.length > 0) throw new Error(`not an event: ${event}`)
    return parsed
  })
}
