import fc from 'fast-check'
import { encodeAwsFrame } from '../../src/llm/aws-event-stream.ts'
import type { RequestPlace } from '../../src/llm/format.ts'
import { chatCompletion, chatEvents } from '../support/chat.ts'

/** Bodies of all APIs to begin with. Which API reads which is left to chance: each must take any. */

const json = (value: unknown): string => JSON.stringify(value)
const TEXTS = ['', 'hello', 'é😀', 'a"b\\c', '\u2028', '\ud800', '__proto__', '[DONE]'] as const
export const text: fc.Arbitrary<string> = fc.oneof(fc.constantFrom(...TEXTS), fc.string({ maxLength: 10 }))

/** Any value, with keys that the APIs know and that objects have by themselves. */
const KEYS = [
  ...[
    'messages',
    'content',
    'role',
    'text',
    'type',
    'stream',
    'model',
    'n',
    'input',
    'prompt',
    'parts',
    'delta',
  ],
  ...[
    'contents',
    'choices',
    'index',
    'tool_calls',
    'function',
    'arguments',
    'name',
    'id',
    'system',
    'message',
  ],
  ...[
    'candidates',
    'output',
    'usage',
    'error',
    'params',
    'result',
    'jsonrpc',
    'method',
    'data',
    'bytes',
    'embedding',
  ],
  ...['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'length', ''],
] as const
const key = fc.constantFrom(...KEYS)
const WORDS = [
  'text',
  'tool_use',
  'tool_result',
  'user',
  'assistant',
  'tool',
  'image',
  'response.output_text.delta',
]
const scalar = fc.oneof(
  text,
  fc.constantFrom(...WORDS),
  fc.constantFrom(null, true, false, 0, 1, -1, 1e21, 0.5),
)
export const tree: fc.Arbitrary<unknown> = fc.letrec<{ tree: unknown }>(tie => ({
  tree: fc.oneof(
    { maxDepth: 5, depthSize: 'small', withCrossShrink: true },
    scalar,
    fc.array(tie('tree'), { maxLength: 3 }),
    fc.array(fc.tuple(key, tie('tree')), { maxLength: 4 }).map(pairs => Object.fromEntries(pairs)),
  ),
})).tree

const call = { id: 'c1', type: 'function', function: { name: 'f', arguments: '{"a":"b"}' } }
const REQUESTS: readonly string[] = [
  json({ model: 'm', messages: [{ role: 'user', content: 'hello' }], stream: true }),
  json({ messages: [{ role: 'user', content: [{ type: 'text', text: 'x' }, { type: 'image_url' }] }] }),
  json({
    messages: [
      { role: 'assistant', tool_calls: [call] },
      { role: 'tool', content: 'y' },
    ],
    n: 2,
  }),
  json({ input: [{ role: 'user', content: [{ type: 'input_text', text: 'x' }] }], instructions: 'i' }),
  json({ system: [{ type: 'text', text: 's' }], messages: [{ role: 'user', content: 'x' }], max_tokens: 1 }),
  json({ requests: [{ custom_id: 'a', params: { messages: [{ role: 'user', content: 'x' }] } }] }),
  json({
    contents: [{ role: 'user', parts: [{ text: 'x' }] }],
    systemInstruction: { parts: [{ text: 's' }] },
  }),
  json({ messages: [{ role: 'user', content: [{ text: 'x' }] }], system: [{ text: 's' }] }),
  json({ inputText: 'x', textGenerationConfig: {} }),
  json({ prompt: ['x', 'y'], stream: false, suffix: 's' }),
  json({ prompt: 'x', system: 's', template: 't', images: ['aGk='] }),
  json({ query: 'q', documents: ['d', { text: 'e' }] }),
  json({ input: 'x', voice: 'v' }),
  json({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'f', arguments: { a: 'b' } } }),
  `--b\r\nContent-Disposition: form-data; name="prompt"\r\n\r\nx\r\n--b--\r\n`,
]

const RESPONSES: readonly string[] = [
  chatCompletion('hello'),
  json({ output: [{ type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'x' }] }] }),
  json({
    type: 'message',
    role: 'assistant',
    content: [{ type: 'text', text: 'x' }],
    stop_reason: 'end_turn',
  }),
  json({ candidates: [{ content: { parts: [{ text: 'x' }] }, finishReason: 'STOP' }] }),
  json({ output: { message: { role: 'assistant', content: [{ text: 'x' }] } }, stopReason: 'end_turn' }),
  json({ message: { role: 'assistant', content: 'x' }, done: true }),
  json({ jsonrpc: '2.0', id: 1, result: { content: [{ type: 'text', text: 'x' }] } }),
  json({ data: [{ embedding: [0.5] }] }),
]

const sse = (...events: readonly object[]): string =>
  events.map(event => `event: ${Reflect.get(event, 'type') ?? 'message'}\ndata: ${json(event)}\n\n`).join('')
const delta = (type: string, partial: object): object => ({
  type: 'content_block_delta',
  index: 0,
  delta: { type, ...partial },
})
const aws = (type: string, payload: unknown): Buffer =>
  Buffer.from(
    encodeAwsFrame(
      { ':event-type': type, ':content-type': 'application/json', ':message-type': 'event' },
      Buffer.from(json(payload)),
    ),
  )
const STREAMS: readonly Buffer[] = [
  ...[
    chatEvents('one ', 'two').join(''),
    sse(
      { type: 'message_start', message: { id: 'm', role: 'assistant', content: [], usage: {} } },
      { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
      delta('text_delta', { text: 'x' }),
      delta('input_json_delta', { partial_json: '{"a":' }),
      { type: 'content_block_stop', index: 0 },
      { type: 'message_stop' },
    ),
    sse(
      { type: 'response.created', response: { id: 'r', output: [] }, sequence_number: 0 },
      { type: 'response.output_text.delta', output_index: 0, content_index: 0, delta: 'x', item_id: 'i' },
      { type: 'response.output_text.done', output_index: 0, content_index: 0, text: 'x', item_id: 'i' },
      { type: 'response.completed', response: { id: 'r', output: [] } },
    ),
    sse(
      { type: 'content-delta', index: 0, delta: { message: { content: { text: 'x' } } } },
      { type: 'message-end' },
    ),
    `data: ${json({ candidates: [{ content: { parts: [{ text: 'x' }] } }] })}\r\n\r\n`,
    `[${json({ candidates: [{ content: { parts: [{ text: 'x' }] } }] })},\n{}]`,
    `${json({ message: { content: 'x' }, done: false })}\n${json({ done: true })}\n`,
    ': comment\r\rdata: a\rdata: b\r\r\ufeffdata\n\nid: 1\nretry: 2\n\n',
  ].map(text => Buffer.from(text)),
  Buffer.concat([
    aws('messageStart', { role: 'assistant' }),
    aws('contentBlockDelta', { contentBlockIndex: 0, delta: { text: 'x' } }),
    aws('messageStop', { stopReason: 'end_turn' }),
  ]),
  aws('chunk', { bytes: Buffer.from(json({ outputText: 'x' })).toString('base64') }),
]

const known = (bodies: readonly string[]): fc.Arbitrary<Buffer> => fc.constantFrom(...bodies).map(Buffer.from)
const written = tree.map(value => Buffer.from(json(value)))
export const requestBody: fc.Arbitrary<Buffer> = fc.oneof(known(REQUESTS), written)
export const responseBody: fc.Arbitrary<Buffer> = fc.oneof(known(RESPONSES), written)
export const streamBody: fc.Arbitrary<Buffer> = fc
  .array(
    fc.oneof(
      fc.constantFrom(...STREAMS),
      tree.map(value => Buffer.from(`data: ${json(value)}\n\n`)),
    ),
    { maxLength: 3 },
  )
  .map(parts => Buffer.concat(parts))

export const PLACES: readonly RequestPlace[] = [
  { path: '/v1/chat/completions', query: '' },
  { path: '/model/anthropic.claude-3-haiku/invoke', query: '' },
  { path: '/v1beta/models/gemini-pro:streamGenerateContent', query: 'alt=sse' },
]
export const CONTENT_TYPES: readonly (string | undefined)[] = [
  undefined,
  '',
  'application/json',
  'text/event-stream; charset=utf-8',
  'application/x-ndjson',
  'application/vnd.amazon.eventstream',
  'text/plain; charset=utf-16',
  'multipart/form-data; boundary=b',
  '; = "',
]
