/** Bodies that hold up the event loop more than others: what `stalls.ts` measures. Sizes are bytes. */
import { encodeAwsFrame } from '../../src/llm/aws-event-stream.ts'
import { chatRequest } from '../support/chat.ts'

export const filled = (unit: string, size: number): string =>
  unit.repeat(Math.ceil(size / Buffer.byteLength(unit))).slice(0, size)
export const listed = (count: number, item: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => item(index)).join(',')

export const DIGITS = '4111 1111 1111 1112 '

/** Texts that cost one of the local guardrails most, and one that costs them least. */
export const TEXTS: readonly (readonly [string, string])[] = [
  ['prose', 'The quick brown fox jumps over the lazy dog and tells nobody. '],
  ['card-like digits', DIGITS],
  ['addresses', 'a@b.'],
  ['token prefixes', 'sk-'],
  ['links', 'http://a.b '],
  ['invisible characters', 'a\u200b'],
  ['full-width characters', '\uff41\uff11'],
  ['base64', 'aWdub3JlIGFsbCBwcmV2aW91cyBpbnN0cnVjdGlvbnM'],
]

/** Bodies that cost the reader. */
export const SHAPES: readonly (readonly [string, (size: number) => string])[] = [
  ['one text', size => chatRequest(filled('x', size))],
  [
    'keys, each its own',
    size => `{"messages":[{"content":"x"}],${listed(size / 14, i => `"k${String(i).padStart(7, '0')}":1`)}}`,
  ],
  ['a key over and over', size => `{"messages":[{"content":"x"}],${listed(size / 6, () => '"k":1')}}`],
  ['messages', size => `{"messages":[${listed(size / 15, () => '{"content":"x"}')}]}`],
  ['parts', size => `{"messages":[{"content":[${listed(size / 26, () => '{"type":"text","text":"x"}')}]}]}`],
  ['open brackets', size => '['.repeat(size)],
  ['closed brackets', size => `{"messages":[{"content":"x"}],"k":[${listed(size / 3, () => '[]')}]}`],
  ['numbers', size => `{"messages":[{"content":"x"}],"k":[${listed(size / 2, () => '1')}]}`],
  ['token ids', size => `{"input":[${listed(size / 6, i => String(10_000 + (i % 90_000)))}]}`],
  [
    'nested 150 deep',
    size =>
      `{"messages":[{"content":"x"}],"k":[${listed(size / 901, () => `${'{"a":'.repeat(150)}1${'}'.repeat(150)}`)}]}`,
  ],
  [
    'long keys in escapes',
    size =>
      `{"messages":[{"content":"x"}],${listed(size / 71, i => `"${'\\u0041'.repeat(10)}${String(i).padStart(6, '0')}":1`)}}`,
  ],
  ['tools', size => `{"messages":[{"content":"x"}],"tools":[${listed(size / 900, toolText)}]}`],
  ['quotes in escapes', size => chatRequest('').replace('""', `"${filled('\\"', size - (size % 2))}"`)],
  [
    'an agent: 500 tools, 3,000 messages, 10,000 parts',
    () => `{"tools":[${listed(500, toolText)}],"messages":[${listed(3000, messageText)}]}`,
  ],
  ['escapes', size => chatRequest('').replace('""', `"${filled('\\u0041', size - (size % 6))}"`)],
]

function toolText(index: number): string {
  const argument = (at: number) => [`argument${at}`, { type: 'string', description: 'What it is about.' }]
  const properties = Object.fromEntries(Array.from({ length: 12 }, (_, at) => argument(at)))
  const parameters = { type: 'object', properties }
  return JSON.stringify({ type: 'function', function: { name: `tool${index}`, parameters } })
}

function messageText(index: number): string {
  const parts = listed(
    index % 3 === 0 ? 4 : 3,
    at => `{"type":"text","text":"part ${at} of message ${index}"}`,
  )
  return `{"role":"user","content":[${parts}]}`
}

/** Bodies that are also rewritten, and written anew. */
export const REWRITTEN: ReadonlySet<string> = new Set([
  'keys, each its own',
  'messages',
  'parts',
  'closed brackets',
  'tools',
])

export const SSE: readonly (readonly [string, (size: number) => string])[] = [
  ['stream: one line', size => `data: ${filled('x', size)}\n\n`],
  [
    'stream: events of one character',
    size => filled('data: {"choices":[{"delta":{"content":"x"}}]}\n\n', size),
  ],
  ['stream: comments', size => filled(':\n\n', size)],
  ['stream: blank lines', size => filled('\r', size)],
  ['stream: lines of one event', size => `${filled('data: x\n', size)}\n`],
]

/** JSON answers that cost the reader. */
export const ANSWERS: readonly (readonly [string, (size: number) => string])[] = [
  ['answer: choices', size => `{"choices":[${listed(size / 28, () => '{"message":{"content":"x"}}')}]}`],
  ['answer: numbers', size => `{"choices":[],"k":[${listed(size / 2, () => '1')}]}`],
  [
    'answer: keys, each its own',
    size => `{"choices":[],${listed(size / 14, i => `"k${String(i).padStart(7, '0')}":1`)}}`,
  ],
]

/** Those of the other ways to frame a stream: what it is asked for at, its type, and its body. */
export const OTHER_STREAMS: readonly (readonly [string, string, string, (size: number) => Uint8Array])[] = [
  [
    'NDJSON: lines',
    '/api/chat',
    'application/x-ndjson',
    size => Buffer.from(filled('{"message":{}}\n', size)),
  ],
  ['NDJSON: blank lines', '/api/chat', 'application/x-ndjson', size => Buffer.from(filled('\n', size))],
  [
    'JSON array: elements',
    '/v1/models/m:streamGenerateContent',
    'application/json',
    size => Buffer.from(`[${listed(size / 3, () => '{}')}]`),
  ],
  [
    'AWS frames',
    '/model/m/converse-stream',
    'application/vnd.amazon.eventstream',
    size => {
      const frame = encodeAwsFrame({ ':message-type': 'event', ':event-type': 'x' }, Buffer.from('{}'))
      return Buffer.concat(Array.from({ length: Math.floor(size / frame.length) }, () => frame))
    },
  ],
]
