import { chatEvents } from './chat.ts'
import { policy } from './policies.ts'
import type { SdkAnswer } from './stream-reader.ts'

export const STREAM_TYPE = { 'content-type': 'text/event-stream' }
export const REFUSAL = policy().responseFailureMessage

const [template] = chatEvents()

/** One event of the upstream's stream, as those of `chatEvents`. */
export function event(delta: object, finish: string | null = null): string {
  const chunk = JSON.parse(template!.slice('data: '.length))
  const choices = [{ ...chunk.choices[0], delta, finish_reason: finish }]
  return `data: ${JSON.stringify({ ...chunk, choices })}\n\n`
}
export const ROLE = template!
export const DONE = 'data: [DONE]\n\n'
export const text = (content: string): string => event({ content })
export const finish = (reason = 'stop'): string => event({}, reason)
/** The fragments of a call of `look_up`. */
export const toolCall = (word: string): readonly string[] =>
  [
    { id: 'call_1', type: 'function', function: { name: 'look_up', arguments: '' } },
    { function: { arguments: '{"word":' } },
    { function: { arguments: `"${word}"}` } },
  ].map(fields => event({ tool_calls: [{ index: 0, ...fields }] }))

export const bytesOf = (events: readonly string[]): number => events.join('').length

/** What the SDK reads, where it reads no more than the given fields. */
export function sdkAnswer(fields: Partial<SdkAnswer>): SdkAnswer {
  return { text: '', reasoning: '', calls: '', finish: undefined, error: undefined, ...fields }
}

/** What the SDK reads of a stream that was refused after some text. */
export function refusedAfter(before: string): SdkAnswer {
  return sdkAnswer({ text: before === '' ? REFUSAL : `${before}\n\n${REFUSAL}`, finish: 'content_filter' })
}
