import { expect, test } from 'vitest'
import { llamaText, mistralText, titanText } from '../../../src/llm/bedrock-invoke/index.ts'
import type { LlmFormat, Part } from '../../../src/llm/format.ts'
import { openaiAudioTranscription } from '../../../src/llm/openai-audio/index.ts'
import { openaiChat } from '../../../src/llm/openai-chat/index.ts'
import { openaiCompletions } from '../../../src/llm/openai-completions/index.ts'

const ERROR = { message: 'the upstream broke', type: 'server_error' }
const BAD_CHOICE = { choices: [{ index: -1, text: 'said', delta: 'said' }] }

function partsOf(format: LlmFormat, event: object): readonly Part[] {
  const stream = format.openStream()
  return [...stream.push(Buffer.from(`data: ${JSON.stringify(event)}\n\n`)), ...stream.end()].flatMap(
    ({ parts }) => parts,
  )
}

/** A format, and an event that its reader cannot read. */
const UNREADABLE: readonly [LlmFormat, object][] = [
  [openaiChat, BAD_CHOICE],
  [openaiCompletions, BAD_CHOICE],
  [openaiAudioTranscription, BAD_CHOICE],
  [titanText, { outputText: ['said'] }],
  [llamaText, { generation: ['said'] }],
  [mistralText, { outputs: [{ text: ['said'] }] }],
]

test.each(UNREADABLE.map(([format, event]) => [format.name, format, event] as const))(
  'what %s says in a way that cannot be read stays so beside an error',
  (_, format, event) => {
    const undecodable = [{ kind: 'undecodable', reason: 'wrong-shape' }]
    expect(partsOf(format, event)).toEqual(undecodable)
    expect(partsOf(format, { ...event, error: ERROR })).toEqual(undecodable)
  },
)

test.each(UNREADABLE.map(([format]) => [format.name, format] as const))(
  'an error of the upstream says nothing in a stream of %s',
  (_, format) => {
    expect(partsOf(format, { error: ERROR })).toEqual([])
  },
)

test.each([
  ['[DONE]', [{ kind: 'terminator' }]],
  [' [DONE] ', [{ kind: 'terminator' }]],
  ['  ', []],
])('white space around what an event says is none of it: "%s"', (data, parts) => {
  const frames = openaiChat.openStream().push(Buffer.from(`data: ${data}\n\n`))
  expect(frames.map(frame => frame.parts)).toEqual([parts])
})
