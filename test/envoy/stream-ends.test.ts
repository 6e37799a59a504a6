import { describe, expect, test } from 'vitest'
import { ENVOY_MODES } from '../support/bootstrap.ts'
import { chatCompletion, readChatStream } from '../support/chat.ts'
import {
  bytesOf,
  DONE,
  event,
  finish,
  REFUSAL,
  ROLE,
  refusedAfter,
  STREAM_TYPE,
  sdkAnswer,
  text,
  toolCall,
} from '../support/stream-events.ts'
import type { SdkAnswer } from '../support/stream-reader.ts'
import { type Scene, sees, useStreamRig } from '../support/stream-rig.ts'
import { FLAGGED, policyOf, waysOf } from '../support/stream-ways.ts'

/** One way for a stream to end, and what comes of it. */
interface Ending {
  readonly how: string
  /** What delivery window has let out before `late` is sent. */
  readonly early: readonly string[]
  readonly late: readonly string[]
  readonly ask?: Scene['ask']
  /** Only the end of the stream tells what is wrong with it. */
  readonly isToldByEnd?: boolean
  readonly gets: Gets
}

type Gets =
  /** Everything, verbatim; `answer` is what an SDK makes of it. */
  | { readonly kind: 'all'; readonly answer: Partial<SdkAnswer> }
  /** What was early, and then a refusal. */
  | { readonly kind: 'refused'; readonly because: 'flagged' | 'failed-closed'; readonly reasoning?: string }

const all = (answer: Partial<SdkAnswer>): Gets => ({ kind: 'all', answer })
const flagged: Gets = { kind: 'refused', because: 'flagged' }
const reasoning = (thought: string): string => event({ reasoning_content: thought })
const usage = event({}).replace(
  /"choices":\[.*\]/,
  '"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":5,"total_tokens":8}',
)
const error = 'data: {"error":{"message":"overloaded","type":"server_error","code":null}}\n\n'
const start = [ROLE, text('fine ')]
const asksUsage = { stream_options: { include_usage: true } }

const endings: readonly Ending[] = [
  {
    how: 'its terminator',
    early: start,
    late: [text('and more'), finish(), usage, DONE],
    ask: asksUsage,
    gets: all({ text: 'fine and more', finish: 'stop' }),
  },
  {
    how: 'its terminator, flagged',
    early: start,
    late: [text(`a ${FLAGGED}`), finish(), usage, DONE],
    ask: asksUsage,
    gets: flagged,
  },
  {
    how: 'no terminator',
    early: start,
    late: [text('and more'), finish()],
    gets: all({ text: 'fine and more', finish: 'stop' }),
  },
  { how: 'no terminator, flagged', early: start, late: [text(`a ${FLAGGED}`), finish()], gets: flagged },
  {
    how: 'no terminator and no finish reason',
    early: start,
    late: [text('and more')],
    gets: all({ text: 'fine and more' }),
  },
  {
    how: 'no terminator and no finish reason, flagged',
    early: start,
    late: [text(`a ${FLAGGED}`)],
    gets: flagged,
  },
  {
    how: 'a last event without its blank line',
    early: start,
    late: [text('and more'), finish(), DONE.trimEnd()],
    gets: all({ text: 'fine and more', finish: 'stop' }),
  },
  {
    how: 'a last event without its blank line, flagged',
    early: start,
    late: [text(`a ${FLAGGED}`).trimEnd()],
    isToldByEnd: true,
    gets: flagged,
  },
  {
    how: 'half an event',
    early: start,
    late: [text('never whole').slice(0, 40)],
    gets: { kind: 'refused', because: 'failed-closed' },
    isToldByEnd: true,
  },
  {
    how: 'no usage, although asked for',
    early: start,
    late: [text('and more'), finish(), DONE],
    ask: asksUsage,
    gets: all({ text: 'fine and more', finish: 'stop' }),
  },
  {
    how: 'no usage, although asked for, flagged',
    early: start,
    late: [text(`a ${FLAGGED}`), finish(), DONE],
    ask: asksUsage,
    gets: flagged,
  },
  {
    how: 'tool calls alone',
    early: [],
    late: [ROLE, ...toolCall('fine'), finish('tool_calls'), DONE],
    gets: all({ calls: 'look_up({"word":"fine"})', finish: 'tool_calls' }),
  },
  {
    how: 'tool calls alone, flagged',
    early: [],
    late: [ROLE, ...toolCall(FLAGGED), finish('tool_calls'), DONE],
    gets: flagged,
  },
  {
    how: 'tool calls alone and no finish reason, flagged',
    early: [],
    late: [ROLE, ...toolCall(FLAGGED)],
    gets: flagged,
  },
  {
    how: 'tool calls after text, flagged',
    early: start,
    late: [...toolCall(FLAGGED), finish('tool_calls'), DONE],
    gets: flagged,
  },
  {
    how: 'reasoning alone',
    early: [ROLE, reasoning('fine ')],
    late: [reasoning('and more'), finish(), DONE],
    gets: all({ reasoning: 'fine and more', finish: 'stop' }),
  },
  {
    how: 'reasoning alone, flagged',
    early: [ROLE, reasoning('fine ')],
    late: [reasoning(`a ${FLAGGED}`), finish(), DONE],
    gets: { kind: 'refused', because: 'flagged', reasoning: 'fine ' },
  },
  { how: 'no text', early: [], late: [ROLE, finish(), DONE], gets: all({ finish: 'stop' }) },
  {
    how: 'an error event after what may become a finding',
    early: start,
    late: [text(FLAGGED.slice(0, 3)), error],
    gets: all({ text: `fine ${FLAGGED.slice(0, 3)}`, error: 'APIError' }),
  },
  { how: 'an error event, flagged', early: start, late: [text(`a ${FLAGGED}`), error], gets: flagged },
]

/** What the SDK reads. `out`: what was there before a refusal. */
function answerOf(gets: Gets, out: readonly string[]): SdkAnswer {
  if (gets.kind === 'all') return sdkAnswer(gets.answer)
  const refused = refusedAfter(readChatStream(Buffer.from(out.join(''))).text)
  return out.length > 0 ? { ...refused, reasoning: gets.reasoning ?? '' } : refused
}

describe.each(ENVOY_MODES)('in %s', { timeout: 10_000 }, mode => {
  const rig = useStreamRig(mode)

  describe.each(waysOf(mode))('delivery $delivery, headers $headers, guard $guard: a stream with', way => {
    test.each(endings)('$how', async ({ early, late, ask, gets, isToldByEnd }) => {
      const sent = [...early, ...late].join('')
      const streams = way.delivery === 'window' && mode !== 'buffered' && early.length > 0
      const scene: Scene = {
        policy: policyOf(way),
        awaits: streams ? 'text' : 'nothing',
        ask,
        script: cues => ({ headers: STREAM_TYPE, chunks: [...early, cues.seen, ...late] }),
      }
      const { answer } = await sees(rig(), scene, sent, ({ record }) => {
        // BUFFERED shows all at once: window may have let go of what is early before the end tells of the rest.
        const mayBeOut = way.delivery === 'window' && isToldByEnd && record.bytesReleased > 0
        const out = streams || mayBeOut ? early : []
        return {
          record:
            gets.kind === 'all'
              ? { effective: 'released', because: 'clean', bytesDiscarded: 0 }
              : { effective: 'denied', because: gets.because, bytesReleased: bytesOf(out) },
          answer: answerOf(gets, out),
        }
      })
      expect([answer.status, answer.type]).toEqual([200, 'text/event-stream'])
    })
  })

  describe.each(waysOf(mode).filter(({ delivery }) => delivery === 'withhold'))(
    'headers $headers, guard $guard: JSON where a stream was asked for',
    way => {
      const scene = (content: string): Scene => ({
        policy: policyOf(way),
        awaits: 'nothing',
        script: () => ({
          headers: { 'content-type': 'application/json' },
          chunks: [chatCompletion(content)],
        }),
      })

      test('passes verbatim', async () => {
        const { answer, record } = await rig().raw(scene('fine'))
        const body = chatCompletion('fine')
        expect(answer).toEqual({ status: 200, type: 'application/json', body, ended: 'complete' })
        expect(record).toMatchObject({ effective: 'released', because: 'clean', delivery: 'body' })
        // The SDK finds no event in it, with Weir as without.
        const sdk = await rig().events(scene('fine'))
        expect(sdk.answer).toEqual(sdkAnswer({}))
      })

      test('flagged: is refused as a stream where headers are still ours, as JSON in its place elsewhere', async () => {
        const { answer, record } = await rig().raw(scene(`a ${FLAGGED}`))
        expect(record).toMatchObject({ effective: 'denied', because: 'flagged', bytesReleased: 0 })
        expect([answer.status, answer.ended]).toEqual([200, 'complete'])
        const sdk = await rig().events(scene(`a ${FLAGGED}`))
        if (mode === 'streamed') {
          expect(answer.type).toBe('application/json')
          expect(JSON.parse(answer.body).choices).toMatchObject([
            { message: { content: REFUSAL }, finish_reason: 'content_filter' },
          ])
          expect(sdk.answer).toEqual(sdkAnswer({}))
        } else {
          expect(answer.type).toBe('text/event-stream')
          expect(readChatStream(Buffer.from(answer.body))).toEqual({
            text: REFUSAL,
            finish: 'content_filter',
            done: 1,
            roles: 1,
          })
          expect(sdk.answer).toEqual(refusedAfter(''))
        }
      })
    },
  )
})
