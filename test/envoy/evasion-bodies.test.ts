import { chatRequest } from '../support/chat.ts'
import { type Row, saying, testTables, useStacks } from '../support/evasion.ts'

const escaped = (text: string): string =>
  [...text].map(one => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')
const message = (content: string): string => `{"messages":[{"role":"user","content":${content}}]}`
const quoted = (word: string): string => message(`"${word}"`)
const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)
const READERS_DIFFER = 'readers differ in what it says'
const NO_JSON = 'lenient readers take it, others do not'

function calling(given: unknown): string {
  const call = { id: 'call_1', type: 'function', function: { name: 'f', arguments: given } }
  return chatRequest('', { messages: [{ role: 'assistant', tool_calls: [call] }] })
}

const BODIES: readonly Row[] = [
  saying('characters escaped', 'seen', 'the same text', word => message(`"${escaped(word)}"`)),
  saying(
    'keys escaped',
    'seen',
    'the same keys',
    word => `{"${escaped('messages')}":[{"${escaped('content')}":"${word}"}]}`,
  ),
  saying('beside a surrogate pair', 'seen', 'the same text', word => message(`"\\ud83d\\ude00${word}"`)),
  saying('beside half a pair', 'seen', 'the same text', word => message(`"\\ud83d${word}\\ude00"`)),
  saying(
    'blanks around all',
    'seen',
    'JSON has them',
    word => ` \r\n\t{ "messages" :[\n{"content":\t"${word}"} ]}\n\n`,
  ),
  saying(
    'huge numbers',
    'seen',
    'are still numbers',
    word => `{"seed":1e9999,"top_k":${'9'.repeat(400)},${quoted(word).slice(1)}`,
  ),
  saying('no role', 'seen', 'counts as the user', word => `{"messages":[{"content":"${word}"}]}`),
  saying('a role that is not known', 'seen', 'counts as the user', word =>
    chatRequest('', { messages: [{ role: 'Root', content: word }] }),
  ),
  saying('a part that is not known', 'seen', 'its text is one', word =>
    message(`[{"type":"input_text","text":"${word}"}]`),
  ),
  saying('a part without a type', 'seen', 'its text is one', word => message(`[{"text":"${word}"}]`)),
  saying('a part that is a string', 'seen', 'some servers take it', word => message(`["${word}"]`)),
  saying(
    'deep, up to the cap',
    'seen',
    'is read',
    word => `{"metadata":${nested(199)},${quoted(word).slice(1)}`,
  ),
  saying(
    'a member called __proto__',
    'seen',
    'is a member',
    word => `{"__proto__":{"messages":[]},${quoted(word).slice(1)}`,
  ),
  saying('the arguments of a tool call', 'seen', 'are text', word => calling(`{"q":"${word}"}`)),
  saying('escaped inside of them', 'seen', 'the tool reads it', word => calling(`{"q":"${escaped(word)}"}`)),
  saying('a key inside of them', 'seen', 'the tool reads it', word => calling(`{"${word}":1}`)),
  saying('an escaped key inside of them', 'seen', 'the tool reads it', word =>
    calling(`{"${escaped(word)}":1}`),
  ),
  saying('arguments as a bare object', 'seen', 'lenient servers take it', word => calling({ q: word })),
  saying(
    'a key twice',
    400,
    READERS_DIFFER,
    word => `{"messages":[{"role":"user","content":"${word}","content":"x"}]}`,
  ),
  saying(
    'a key twice, once escaped',
    400,
    READERS_DIFFER,
    word => `{"${escaped('messages')}":[{"content":"${word}"}],"messages":[]}`,
  ),
  saying(
    'a key in another case',
    400,
    READERS_DIFFER,
    word => `{"Messages":[{"content":"${word}"}],"messages":[{"content":"x"}]}`,
  ),
  saying(
    'a key in a case of Unicode',
    400,
    READERS_DIFFER,
    word => `{"meſſages":[{"content":"${word}"}],"messages":[{"content":"x"}]}`,
  ),
  saying('a byte order mark', 400, READERS_DIFFER, word => `\ufeff${quoted(word)}`),
  saying('bytes behind it', 400, NO_JSON, word => `${quoted(word)}x`),
  saying('a NUL behind it', 400, NO_JSON, word => `${quoted(word)}\0`),
  saying('two documents', 400, NO_JSON, word => `${quoted('x')}\n${quoted(word)}`),
  saying('comments', 400, NO_JSON, word => `/* */${quoted(word)}// x`),
  saying('a comma too many', 400, NO_JSON, word => quoted(word).replace(/}$/, ',}')),
  saying('single quotes', 400, NO_JSON, word => `{'messages':[{'content':'${word}'}]}`),
  saying('NaN', 400, NO_JSON, word => `{"temperature":NaN,${quoted(word).slice(1)}`),
  saying('a raw line end in a text', 400, NO_JSON, word => message(`"\n${word}"`)),
  saying(
    'deeper than the cap',
    400,
    'later readers recurse',
    word => `{"metadata":${nested(200)},${quoted(word).slice(1)}`,
  ),
  saying('stream as a number', 400, READERS_DIFFER, word => chatRequest(word, { stream: 1 })),
  saying('stream as a string', 400, READERS_DIFFER, word => chatRequest(word, { stream: 'true' })),
  saying(
    'a huge number of choices',
    400,
    'the API has a bound',
    word => `{"n":1e9999,${quoted(word).slice(1)}`,
  ),
  saying('messages that are one', 400, NO_JSON, word => `{"messages":{"role":"user","content":"${word}"}}`),
  saying('content that is an object', 400, NO_JSON, word => message(`{"text":"${word}"}`)),
  saying('a list at the root', 400, NO_JSON, word => `[${quoted(word)}]`),
  saying('half a body', 400, 'a reader of a stream has read the half', word => quoted(word).slice(0, -2)),
  saying('no UTF-8', 400, READERS_DIFFER, word => Buffer.from(quoted(`\xff${word}`), 'latin1')),
  saying('UTF-8 too long', 400, READERS_DIFFER, word =>
    Buffer.from(quoted(word.replaceAll('a', '\xc1\xa1')), 'latin1'),
  ),
  saying('UTF-16, unsaid', 400, 'some readers guess it', word => Buffer.from(quoted(word), 'utf16le')),
  saying(
    'a form',
    400,
    'a gateway that takes forms reads it',
    word => `model=m&prompt=${word}&messages=${word}`,
  ),
  saying(
    'JSON that is a form as well',
    415,
    'a gateway that takes forms reads it',
    word => chatRequest('x', { x: `&model=m&prompt=${word}&y=` }),
    { 'content-type': 'application/x-www-form-urlencoded' },
  ),
  saying('nothing', 'unsupported', 'asks nothing', () => ''),
  saying('no messages', 'unsupported', 'asks nothing', () => '{"messages":[]}'),
]

const IGNORED = 'a server that does not know the charset reads UTF-8, another what it says'
const inCharset = (charset: string, body: (word: string) => string | Uint8Array): Row =>
  saying(`charset ${charset}`, 415, IGNORED, body, { 'content-type': `application/json; charset=${charset}` })
const utf7 = (word: string): string =>
  `+${Buffer.from(word, 'utf16le').swap16().toString('base64').replace(/=+$/, '')}-`

const CHARSETS: readonly Row[] = [
  inCharset('utf-16', word => Buffer.from(quoted(word), 'utf16le')),
  inCharset('"UTF-16LE"', quoted),
  inCharset('utf-7', word => quoted(utf7(word))),
  inCharset('shift_jis', word => quoted(`${word}\x81`)),
  inCharset('utf-8; charset=utf-7', word => quoted(utf7(word))),
]

testTables(useStacks(), {
  bodies: { api: 'openai', rows: BODIES },
  charsets: { api: 'openai', rows: CHARSETS },
})
