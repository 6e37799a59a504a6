import type { OutgoingHttpHeaders } from 'node:http'
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { test } from 'vitest'
import { ENVOY_MODES } from '../support/bootstrap.ts'
import { chatRequest } from '../support/chat.ts'
import {
  expectOutcome,
  MAX_REQUEST_BYTES,
  type Outcome,
  type Row,
  saying,
  testTables,
  useStacks,
  WORD,
} from '../support/evasion.ts'
import type { RawRequest } from '../support/raw-request.ts'

const CHAT = '/v1/chat/completions'
const JSON_TYPE = { 'content-type': 'application/json' }

const stacks = useStacks()

const withHeaders = (
  looks: string,
  outcome: Outcome,
  why: string,
  headers: OutgoingHttpHeaders,
  method = 'POST',
): Row => [looks, outcome, why, word => ({ method, target: CHAT, headers, body: [chatRequest(word)] })]
const at = (target: string, outcome: Outcome, why: string): Row => [
  target,
  outcome,
  why,
  word => ({ target, headers: JSON_TYPE, body: [chatRequest(word)] }),
]
const READS_ANYWAY = 'many servers read the body whatever it is called'
const HEADERS: readonly Row[] = [
  withHeaders('no content type', 'seen', READS_ANYWAY, {}),
  withHeaders('text', 'seen', READS_ANYWAY, { 'content-type': 'text/plain' }),
  withHeaders('bytes', 'seen', READS_ANYWAY, { 'content-type': 'application/octet-stream' }),
  withHeaders('a form', 'seen', 'what curl -d says', { 'content-type': 'application/x-www-form-urlencoded' }),
  withHeaders('parts', 'seen', READS_ANYWAY, { 'content-type': 'multipart/form-data; boundary=x' }),
  withHeaders('a picture', 'seen', READS_ANYWAY, { 'content-type': 'image/png' }),
  withHeaders('two types', 'seen', READS_ANYWAY, { 'content-type': 'application/json, text/plain' }),
  withHeaders('UTF-8, said in its ways', 'seen', 'is what is read', {
    'content-type': 'application/json ; charset="UTF-8"',
  }),
  withHeaders('a type in upper case', 'seen', 'the same type', { 'content-type': 'APPLICATION/JSON' }),
  withHeaders('PUT', 'seen', 'some routers take any method', JSON_TYPE, 'PUT'),
  withHeaders('PATCH', 'seen', 'some routers take any method', JSON_TYPE, 'PATCH'),
  withHeaders('DELETE', 'seen', 'some routers take any method', JSON_TYPE, 'DELETE'),
  withHeaders('GET with a body', 'seen', 'some routers take any method', JSON_TYPE, 'GET'),
  withHeaders('another method by a header', 'seen', 'is no other to most', {
    ...JSON_TYPE,
    'x-http-method-override': 'GET',
  }),
  withHeaders('another path by headers', 'seen', 'is no other to most', {
    ...JSON_TYPE,
    'x-original-url': '/v1/models',
    'x-rewrite-url': '/v1/models',
  }),
  withHeaders('Expect', 'seen', 'only asks first', { ...JSON_TYPE, expect: '100-continue' }),
  withHeaders('encoding identity', 'seen', 'is none', { ...JSON_TYPE, 'content-encoding': 'identity' }),
  withHeaders('an encoding that the body is not in', 400, 'servers that ignore the header read it', {
    ...JSON_TYPE,
    'content-encoding': 'gzip',
  }),
  withHeaders('brotli, which has no mark of its own', 400, 'servers that ignore the header read it', {
    ...JSON_TYPE,
    'content-encoding': 'br',
  }),
  withHeaders('an encoding that is not known', 415, 'servers that ignore the header read it', {
    ...JSON_TYPE,
    'content-encoding': 'compress',
  }),
  withHeaders('more encodings than anybody uses', 415, 'servers that ignore the header read it', {
    ...JSON_TYPE,
    'content-encoding': 'gzip, gzip, gzip, gzip',
  }),
]

const SAME = 'some servers undo it'
const PATHS: readonly Row[] = [
  at('/v1//chat///completions', 'seen', SAME),
  at('//v1/chat/completions', 'seen', SAME),
  at('/v1/./chat/completions', 'seen', SAME),
  at('/v1/models/../chat/completions', 'seen', SAME),
  at('/v1/models/%2e%2E/chat/completions', 'seen', SAME),
  at('/v1/chat/completions/.', 'seen', SAME),
  at('/%76%31/%63hat/completion%73', 'seen', SAME),
  at('/v1/chat%2Fcompletions', 'seen', SAME),
  at('/v1%2fchat%2f%2fcompletions', 'seen', SAME),
  at('/V1/Chat/COMPLETIONS', 'seen', 'Azure ignores case'),
  at('/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21', 'seen', 'Azure'),
  at('/api/v1/chat/completions', 'seen', 'gateways put their own before it'),
  at('/chat/completions', 'seen', 'llama.cpp, LiteLLM'),
  at('/v1/chat/completions/', 'seen', SAME),
  at('/v1/chat/completions//', 'seen', SAME),
  at('/v1/chat/completions?', 'seen', 'no part of the path'),
  at('/v1/chat/completions?next=/v1/models', 'seen', 'no part of the path'),
  at('/v1/chat/completions;jsessionid=1', 'seen', 'Java servers take path parameters away'),
  at('/v1;a=b/chat;c/completions;', 'seen', 'Java servers take path parameters away'),
  at('/v1/chat/completions%3Bjsessionid=1', 'seen', 'a proxy before a Java server may decode it'),
  at('/v1/models/..;/chat/completions', 'seen', 'Tomcat takes the parameter away first'),
  at('/v1\\chat\\completions', 'seen', 'Envoy makes slashes of them'),
  at('/v1%5Cchat%5ccompletions', 'seen', 'IIS makes slashes of them'),
  at('/v1/chat/completions%0A', 'seen', 'a `$` in a pattern of Python or PCRE stands before a last line end'),
  at('/v1/chat/completions%0D%0a', 'seen', SAME),
  at('/v1/chat/completions%20', 'seen', 'servers that trim'),
  at('/v1/chat/completions%09/', 'seen', 'servers that trim'),
  at('/v1/chat%20/completions', 'seen', 'servers that trim'),
  at('http://api.example.com/v1/chat/completions', 'seen', 'the absolute form'),
  at('http://api.example.com/v1//chat%2Fcompletions;x?y#z', 'envoy', 'a fragment has no place in a request'),
  at('/v1/chat/completions#/v1/models', 'envoy', 'a fragment has no place in a request'),
  at('/v1/chat/completions%00', 'envoy', 'readers of C strings stop there'),
  at('/%2576%2531/%2563hat/completions', 'unsupported', 'one decoding is what HTTP knows'),
  at('/v1/chat%252Fcompletions', 'unsupported', 'one decoding is what HTTP knows'),
  at('/v1/chat/completions%3Fx=1', 'unsupported', 'a name with a question mark in it'),
  at('/v1/chat/completions/chatcmpl-1', 'unsupported', 'a stored completion'),
  at('/v1/chat%c0%afcompletions', 'unsupported', 'no UTF-8, and no server reads it as such'),
]

const inCoding = (
  coding: string | string[],
  outcome: Outcome,
  why: string,
  encode: (body: string) => Uint8Array,
  looks = `encoding ${coding}`,
): Row => saying(looks, outcome, why, word => encode(chatRequest(word)), { 'Content-Encoding': coding })

const ENCODE = { gzip: gzipSync, br: brotliCompressSync, deflate: deflateSync, zstd: zstdCompressSync }
const UNDONE = 'gateways undo it'
const CODINGS: readonly Row[] = [
  ...Object.entries(ENCODE).map(([coding, encode]) => inCoding(coding, 'seen', UNDONE, encode)),
  inCoding('GZip', 'seen', UNDONE, gzipSync),
  inCoding('x-gzip', 'seen', UNDONE, gzipSync),
  inCoding(' identity ,, gzip ', 'seen', UNDONE, gzipSync),
  inCoding('gzip, br', 'seen', UNDONE, body => brotliCompressSync(gzipSync(body))),
  inCoding(
    ['br', 'zstd'],
    'seen',
    UNDONE,
    body => zstdCompressSync(brotliCompressSync(body)),
    'two encodings in two headers',
  ),
  saying('gzip, unsaid', 400, 'some readers guess it', word => gzipSync(chatRequest(word))),
  inCoding(
    'br, gzip',
    400,
    'the order counts',
    body => brotliCompressSync(gzipSync(body)),
    'in the other order',
  ),
  inCoding(
    'gzip',
    400,
    'a reader of a stream has read the rest',
    body => gzipSync(body).subarray(0, -9),
    'cut',
  ),
  inCoding(
    'gzip',
    400,
    'lenient readers take it, others do not',
    body => gzipSync(`${body}x`),
    'no JSON inside',
  ),
  ...Object.entries(ENCODE).map(([coding, encode]) =>
    inCoding(
      coding,
      400,
      'servers that ignore the header read what is behind',
      body => Buffer.concat([encode(chatRequest('x')), Buffer.from(`\r\n--x\r\n${body}`)]),
      `${coding}, and bytes behind it`,
    ),
  ),
  inCoding(
    'br',
    400,
    'servers that ignore the header read what is behind',
    body => Buffer.from(`?\n${body}`),
    'brotli that ends at once',
  ),
  inCoding('gzip', 'unsupported', 'asks nothing', () => gzipSync(''), 'nothing at all, encoded'),
]

const PIECES: readonly Row[] = [
  [
    'a byte a chunk',
    'seen',
    'cuts mean nothing',
    word => ({ target: CHAT, body: [...Buffer.from(chatRequest(word))].map(one => Buffer.of(one)) }),
  ],
  [
    'over the limit, in one piece',
    413,
    'is not read to its end',
    word => ({ target: CHAT, body: [chatRequest(word, { x: 'y'.repeat(MAX_REQUEST_BYTES) })] }),
  ],
  [
    'over the limit, the word last',
    413,
    'is not read to its end',
    word => ({ target: CHAT, body: ['y'.repeat(MAX_REQUEST_BYTES), chatRequest(word)] }),
  ],
  [
    'over the limit once it is decoded',
    413,
    'is not read to its end',
    word => ({
      target: CHAT,
      headers: { 'content-encoding': 'gzip' },
      body: [gzipSync(chatRequest(word, { x: 'y'.repeat(MAX_REQUEST_BYTES) }))],
    }),
  ],
]

testTables(stacks, {
  headers: { api: 'openai', rows: HEADERS },
  paths: { api: 'openai', rows: PATHS },
  codings: { api: 'openai', rows: CODINGS },
  pieces: { api: 'openai', rows: PIECES },
})

test.each(ENVOY_MODES)('a slow body is read to its end (%s)', async mode => {
  const stack = stacks.get(mode)!
  const { telemetry } = stack.weir
  const request = (word: string): RawRequest => {
    const opened = telemetry.opened
    const [first, last] = chatRequest(word).split(word)
    const arrived = (): Promise<void> => telemetry.until(() => telemetry.opened > opened)
    // The others hold the body in Envoy, where nobody sees it.
    const held = (): Promise<void> =>
      mode === 'full-duplex' ? telemetry.until(() => telemetry.heldBytes > 0) : arrived()
    const half = WORD.length / 2
    const pieces = [arrived, `${first}${word.slice(0, half)}`, held, `${word.slice(half)}${last}`]
    return { target: CHAT, body: pieces }
  }
  await expectOutcome(stack, 'openai', 'seen', request)
})
