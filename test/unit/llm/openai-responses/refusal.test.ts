import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { Refusal } from '../../../../src/llm/format.ts'
import { openaiResponses } from '../../../../src/llm/openai-responses/index.ts'
import { asked, MESSAGE, refusalOf } from '../refused.ts'

const request = asked({ model: 'gpt-5', streams: true })

const refusal = (changes: Partial<Refusal> = {}): Refusal => refusalOf({ request, ...changes })

const structured = refusal({ request: { ...request, structuredOutput: true } })
const filtered = refusal({ finishReason: 'content_filter' })
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)
const json = (given: Refusal) => JSON.parse(text(openaiResponses.refusal(given, 'json').body))
const readFixture = (name: string) =>
  readFileSync(new URL(`../../../fixtures/openai-responses/${name}`, import.meta.url))

/** The events; each must name its type in both places and end with its blank line. */
function events(bytes: Uint8Array) {
  const all = text(bytes).split('\n\n')
  expect(all.pop()).toBe('')
  return all.map(event => {
    const [name, data, ...more] = event.split('\n')
    expect(more).toEqual([])
    const parsed = JSON.parse(data!.slice('data: '.length))
    expect(name).toBe(`event: ${parsed.type}`)
    return parsed
  })
}

/** A position after the first frames of a recorded stream. */
function positionAfter(name: string, frameCount: number) {
  const at = openaiResponses.openPosition()
  const frames = openaiResponses.openStream().push(readFixture(name)).slice(0, frameCount)
  for (const frame of frames) at.released(frame)
  return { at, frames }
}

const rest = (given: Refusal, name: string, frameCount: number) =>
  events(openaiResponses.streamRefusal(given, positionAfter(name, frameCount).at))
const typesOf = (all: readonly { type: string }[]) => all.map(({ type }) => type.replace(/^response\./, ''))

const said = { type: 'output_text', text: MESSAGE, annotations: [], logprobs: [] }
const item = {
  type: 'message',
  id: 'msg_0123456789abcdef0123456789abcdef',
  status: 'completed',
  role: 'assistant',
  content: [said],
}

describe('JSON', () => {
  test('the whole answer', () => {
    expect(openaiResponses.refusal(refusal(), 'json').contentType).toBe('application/json')
    expect(json(refusal())).toEqual({
      id: 'resp_0123456789abcdef0123456789abcdef',
      object: 'response',
      created_at: 1_760_000_000,
      status: 'completed',
      error: null,
      incomplete_details: null,
      instructions: null,
      max_output_tokens: null,
      model: 'gpt-5',
      output: [item],
      parallel_tool_calls: true,
      previous_response_id: null,
      reasoning: { effort: null, summary: null },
      store: false,
      temperature: 1,
      text: { format: { type: 'text' } },
      tool_choice: 'auto',
      tools: [],
      top_p: 1,
      truncation: 'disabled',
      usage: {
        input_tokens: 0,
        input_tokens_details: { cached_tokens: 0 },
        output_tokens: 0,
        output_tokens_details: { reasoning_tokens: 0 },
        total_tokens: 0,
      },
      user: null,
      metadata: {},
    })
  })

  test('a request that was never seen', () => {
    expect(json(refusal({ request: undefined })).model).toBe('unknown')
  })

  const spoken = { type: 'output_text', text: MESSAGE }
  const refused = { type: 'refusal', refusal: MESSAGE }
  test.each([
    ['auto', false, spoken, 'completed', null],
    ['auto', true, refused, 'completed', null],
    ['stop', false, spoken, 'completed', null],
    ['stop', true, spoken, 'completed', null],
    ['content_filter', false, spoken, 'incomplete', { reason: 'content_filter' }],
    ['content_filter', true, spoken, 'incomplete', { reason: 'content_filter' }],
  ] as const)(
    'finish_reason %s, structured output %s',
    (finishReason, structuredOutput, part, status, details) => {
      const answer = json(refusal({ finishReason, request: { ...request, structuredOutput } }))
      expect(answer).toMatchObject({
        status,
        incomplete_details: details,
        output: [{ status, content: [part] }],
      })
    },
  )
})

describe('event stream, nothing sent yet', () => {
  test('the whole sequence', () => {
    const reply = openaiResponses.refusal(refusal(), 'event-stream')
    expect(reply.contentType).toBe('text/event-stream')
    const ended = json(refusal())
    const begun = { ...ended, status: 'in_progress', output: [], usage: null }
    const at = { item_id: item.id, output_index: 0, content_index: 0 }
    expect(events(reply.body)).toEqual(
      [
        { type: 'response.created', response: begun },
        { type: 'response.in_progress', response: begun },
        {
          type: 'response.output_item.added',
          output_index: 0,
          item: { ...item, status: 'in_progress', content: [] },
        },
        { type: 'response.content_part.added', ...at, part: { ...said, text: '' } },
        { type: 'response.output_text.delta', ...at, delta: MESSAGE, logprobs: [] },
        { type: 'response.output_text.done', ...at, text: MESSAGE, logprobs: [] },
        { type: 'response.content_part.done', ...at, part: said },
        { type: 'response.output_item.done', output_index: 0, item },
        { type: 'response.completed', response: ended },
      ].map((event, index) => ({ ...event, sequence_number: index })),
    )
  })

  test('structured output: a refusal part', () => {
    const all = events(openaiResponses.refusal(structured, 'event-stream').body)
    expect(all.slice(3, 7)).toMatchObject([
      { part: { type: 'refusal', refusal: '' } },
      { type: 'response.refusal.delta', delta: MESSAGE },
      { type: 'response.refusal.done', refusal: MESSAGE },
      { part: { type: 'refusal', refusal: MESSAGE } },
    ])
  })

  test('content_filter: the answer is incomplete', () => {
    expect(events(openaiResponses.refusal(filtered, 'event-stream').body).at(-1)).toMatchObject({
      type: 'response.incomplete',
      response: { status: 'incomplete', incomplete_details: { reason: 'content_filter' } },
    })
  })

  test('a message of any characters stays one event', () => {
    const odd = 'a\n\ndata: [DONE]\r\n"\u2028😀'
    const all = events(openaiResponses.refusal(refusal({ message: odd }), 'event-stream').body)
    expect(all[4].delta).toBe(odd)
    expect(all).toHaveLength(9)
  })
})

const SAYING = [
  'output_item.added',
  'content_part.added',
  'output_text.delta',
  'output_text.done',
  'content_part.done',
  'output_item.done',
  'completed',
]

describe('event stream, going on', () => {
  test.each<[string, string, number, readonly string[]]>([
    ['nothing released', 'text.sse', 0, ['created', 'in_progress', ...SAYING]],
    ['the answer is created', 'text.sse', 1, SAYING],
    ['an item is open', 'text.sse', 3, ['output_item.done', ...SAYING]],
    [
      'a part is open',
      'text.sse',
      4,
      ['output_text.done', 'content_part.done', 'output_item.done', ...SAYING],
    ],
    [
      'a text is open',
      'text.sse',
      6,
      ['output_text.done', 'content_part.done', 'output_item.done', ...SAYING],
    ],
    ['the text is done', 'text.sse', 8, ['content_part.done', 'output_item.done', ...SAYING]],
    ['the part is done', 'text.sse', 9, ['output_item.done', ...SAYING]],
    ['the item is done', 'text.sse', 10, SAYING],
    ['a call is open', 'tool-calls.sse', 11, SAYING],
    ['a call of the server is open', 'hosted-tools.sse', 4, SAYING],
    [
      'a summary is open',
      'reasoning.sse',
      5,
      ['reasoning_summary_text.done', 'reasoning_summary_part.done', 'output_item.done', ...SAYING],
    ],
    [
      'raw reasoning is open',
      'reasoning.sse',
      13,
      ['reasoning_text.done', 'content_part.done', 'output_item.done', ...SAYING],
    ],
    ['an item that came whole', 'whole-items.sse', 3, SAYING],
  ])('%s', (_, name, count, types) => {
    expect(typesOf(rest(refusal(), name, count))).toEqual(types)
  })

  test('after the end nothing', () => {
    const nothing = new Uint8Array(0)
    const restAfter = (name: string, count: number) =>
      openaiResponses.streamRefusal(refusal(), positionAfter(name, count).at)
    expect(restAfter('text.sse', 11)).toEqual(nothing)
    expect(restAfter('failed.sse', 99)).toEqual(nothing)
    expect(restAfter('incomplete.sse', 99)).toEqual(nothing)
  })

  test('with the numbers, the id, the time, the model and the settings that the client saw', () => {
    const all = rest(refusal(), 'text.sse', 6)
    expect(all.map(event => event.sequence_number)).toEqual([6, 7, 8, 9, 10, 11, 12, 13, 14, 15])
    expect(all.at(-1).response).toMatchObject({
      id: 'resp_68a1f0c2',
      created_at: 1_754_300_000,
      model: 'gpt-5-2025-08-07',
      instructions: 'Be brief.',
      store: true,
    })
  })

  test('the refusal is the next item and stands apart from text', () => {
    const all = rest(refusal(), 'text.sse', 6)
    expect(all[3]).toMatchObject({ output_index: 1, item: { id: item.id, content: [] } })
    expect(all[5]).toMatchObject({ output_index: 1, delta: `\n\n${MESSAGE}` })
    expect(rest(refusal(), 'text.sse', 4)[5]).toMatchObject({ delta: MESSAGE })
    expect(rest(structured, 'text.sse', 10)[2]).toMatchObject({ delta: MESSAGE })
  })

  test('what is open ends with what was said of it', () => {
    const seen = { type: 'output_text', annotations: [], logprobs: [], text: 'The river Weiß' }
    const cut = {
      id: 'msg_68a1f0d1',
      type: 'message',
      status: 'incomplete',
      role: 'assistant',
      content: [seen],
    }
    const all = rest(refusal(), 'text.sse', 6)
    const at = { item_id: 'msg_68a1f0d1', output_index: 0, content_index: 0 }
    expect(all.slice(0, 3)).toMatchObject([
      { ...at, text: 'The river Weiß', logprobs: [] },
      { ...at, part: seen },
      { output_index: 0, item: cut },
    ])
    expect(all.at(-1).response.output).toEqual([
      cut,
      { ...item, content: [{ ...said, text: `\n\n${MESSAGE}` }] },
    ])
  })

  test('a cut summary', () => {
    const [text, part, done] = rest(refusal(), 'reasoning.sse', 9)
    const at = { item_id: 'rs_68a1f2c1', output_index: 0, summary_index: 1 }
    expect(text).toMatchObject({ type: 'response.reasoning_summary_text.done', ...at, text: '' })
    expect(part).toMatchObject({ ...at, part: { type: 'summary_text', text: '' } })
    expect(done.item).toEqual({
      id: 'rs_68a1f2c1',
      type: 'reasoning',
      encrypted_content: '',
      status: 'incomplete',
      summary: [
        { type: 'summary_text', text: '**Greeting** The user greets.' },
        { type: 'summary_text', text: '' },
      ],
    })
  })

  test('citations that were out stay', () => {
    const [, part] = rest(refusal(), 'reasoning.sse', 23)
    expect(part.part).toMatchObject({
      text: 'Hello!',
      annotations: [{ type: 'url_citation', title: 'Greetings' }],
    })
  })

  const outputAfter = (given: Refusal, name: string, count: number) =>
    rest(given, name, count)
      .at(-1)
      .response.output.map((each: { type: string; status?: string }) => `${each.type} ${each.status}`)

  test('the last event tells of no call that the client would run', () => {
    const texts = ['message completed', 'message completed']
    expect(outputAfter(refusal(), 'tool-calls.sse', 11)).toEqual(texts)
    expect(outputAfter(refusal(), 'tool-calls.sse', 14)).toEqual(texts)
    expect(outputAfter(refusal(), 'client-tools.sse', -1)).toEqual([
      'shell_call_output completed',
      'message completed',
    ])
  })

  test('calls that the server ran are told, one that it did not end as failed', () => {
    expect(outputAfter(refusal(), 'hosted-tools.sse', 4)).toEqual([
      'web_search_call failed',
      'message completed',
    ])
    expect(outputAfter(refusal(), 'hosted-tools.sse', 11)).toEqual([
      'web_search_call completed',
      'mcp_list_tools undefined',
      'message completed',
    ])
  })

  test('structured output: half of a text is not said to be done, nor told at the end', () => {
    const all = rest(structured, 'text.sse', 6)
    expect(typesOf(all).slice(0, 3)).toEqual(['content_part.done', 'output_item.done', 'output_item.added'])
    expect(outputAfter(structured, 'text.sse', 6)).toEqual(['message completed'])
    expect(outputAfter(structured, 'text.sse', 10)).toEqual(['message completed', 'message completed'])
  })

  /** What follows events that no recorded stream has. */
  const restAfter = (...sent: readonly object[]) => {
    const at = openaiResponses.openPosition()
    for (const event of sent) {
      const [frame] = openaiResponses.openStream().push(Buffer.from(`data: ${JSON.stringify(event)}\n\n`))
      at.released(frame!)
    }
    return events(openaiResponses.streamRefusal(refusal(), at))
  }
  const created = { type: 'response.created', response: { id: 'r', output: [] } }
  const added = (output_index: number, item: object) => ({
    ...{ type: 'response.output_item.added', output_index, item },
  })

  test('a text of all texts that a server sends does not stay, nor an error', () => {
    const response = { ...created.response, output_text: '', error: { code: 'x', message: 'y' } }
    const last = restAfter({ ...created, response }).at(-1)
    expect(last.response).toMatchObject({ output_text: null, error: null })
  })

  test('items and parts stand in their order, whichever came first', () => {
    const part = (content_index: number, text: string) => ({
      ...{ type: 'response.content_part.added', output_index: 0, content_index },
      part: { type: 'output_text', text },
    })
    const all = restAfter(
      created,
      added(1, { id: 'b', type: 'message', content: [] }),
      added(0, { id: 'a', type: 'message', content: [] }),
      part(1, 'second'),
      part(0, 'first'),
    )
    const closed = all.flatMap(event => (event.item?.status === 'incomplete' ? [event.item.id] : []))
    expect(closed).toEqual(['a', 'b'])
    expect(all.at(-1).response.output).toMatchObject([
      { id: 'a', content: [{ text: 'first' }, { text: 'second' }] },
      { id: 'b' },
      { id: item.id },
    ])
  })

  test('citations that a part was opened with stay beside those that came', () => {
    const at = { output_index: 0, content_index: 0 }
    const opened = { type: 'output_text', text: '', annotations: ['a'] }
    const all = restAfter(
      created,
      added(0, { id: 'm', type: 'message', content: [] }),
      { type: 'response.content_part.added', ...at, part: opened },
      { type: 'response.output_text.annotation.added', ...at, annotation: 'b' },
    )
    expect(all.at(-1).response.output[0].content[0].annotations).toEqual(['a', 'b'])
  })

  test('a refusal of the model that is open ends as one', () => {
    const at = { item_id: 'm', output_index: 0, content_index: 0 }
    const all = restAfter(
      created,
      added(0, { id: 'm', type: 'message', content: [] }),
      { type: 'response.content_part.added', ...at, part: { type: 'refusal', refusal: '' } },
      { type: 'response.refusal.delta', ...at, delta: 'I can' },
    )
    expect(all[0]).toMatchObject({ type: 'response.refusal.done', ...at, refusal: 'I can' })
    expect(all[1]).toMatchObject({ part: { type: 'refusal', refusal: 'I can' } })
  })

  test('an item that has no status gets none', () => {
    const listed = { id: 'l', type: 'mcp_list_tools', server_label: 's', tools: [] }
    expect(restAfter(created, added(0, listed)).at(-1).response.output[0]).toEqual(listed)
  })

  test('cut reasoning keeps what was shown of it', () => {
    const at = { item_id: 'r', output_index: 0, content_index: 0 }
    const all = restAfter(created, added(0, { id: 'r', type: 'reasoning', summary: [] }), {
      ...{ type: 'response.reasoning_text.delta', delta: 'Hm' },
      ...at,
    })
    const content = [{ type: 'reasoning_text', text: 'Hm' }]
    expect(all.at(-1).response.output[0]).toMatchObject({ type: 'reasoning', status: 'incomplete', content })
  })

  test('a server without numbers', () => {
    const all = restAfter(created, { type: 'response.output_text.delta', item_id: 'm', delta: 'x' })
    expect(all[0]).toMatchObject({ type: 'response.output_text.done', sequence_number: 2, text: 'x' })
    expect(all.at(-1).response.output).toMatchObject([
      { id: 'm', type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'x' }] },
      { id: item.id },
    ])
  })

  test('a frame that was changed on the way is read again', () => {
    const { frames, at } = positionAfter('text.sse', 6)
    const again = openaiResponses.openPosition()
    for (const { bytes, parts } of frames) again.released({ bytes, parts })
    expect(openaiResponses.streamRefusal(refusal(), again)).toEqual(
      openaiResponses.streamRefusal(refusal(), at),
    )
  })

  test('a position of another format is a bug', () => {
    expect(() => openaiResponses.streamRefusal(refusal(), { released: () => {} })).toThrow('another format')
  })
})

test.each([
  [403, 'content_filter', 'invalid_request_error'],
  [400, 'invalid_request', 'invalid_request_error'],
  [500, 'internal', 'server_error'],
] as const)('error: %s %s', (status, code, type) => {
  const reply = openaiResponses.error({ status, code, message: 'No "way"' })
  expect(reply.contentType).toBe('application/json')
  expect(JSON.parse(text(reply.body))).toEqual({ error: { message: 'No "way"', type, param: null, code } })
})
