import { describe, expect, test } from 'vitest'
import { WeirError } from '../../../src/errors.ts'
import {
  editMultipart,
  gatherForm,
  isMultipart,
  readFormStream,
  readMultipart,
  soleField,
} from '../../../src/llm/multipart.ts'
import { RequestTexts } from '../../../src/llm/request-texts.ts'
import { bytesOf, jsonBytes, readFixture, textOf, value } from './openai-given.ts'

const disposition = (name: string, more = '') => `Content-Disposition: form-data; name="${name}"${more}`
const part = (headers: string, content: string, boundary = 'B') =>
  `--${boundary}\r\n${headers}\r\n\r\n${content}\r\n`
const form = (...parts: string[]) => bytesOf(`${parts.join('')}--B--\r\n`)
const field = (name: string, content: string) => part(disposition(name), content)
const file = (name: string, content: string, filename = 'a.bin') =>
  part(`${disposition(name, `; filename="${filename}"`)}\r\nContent-Type: application/octet-stream`, content)

const fields = (body: Uint8Array) =>
  value(readMultipart(body)).map(({ name, kind, bytes, path }) => [name, kind, textOf(bytes), path])
const reasonOf = (body: Uint8Array) => {
  const decoded = readMultipart(body)
  return decoded.kind === 'undecodable' ? decoded.reason : 'ok'
}

describe('recorded forms', () => {
  test.each([
    ['openai-images/edit.form', ['model', 'prompt', 'image[]', 'image[]', 'size', 'n']],
    [
      'openai-audio/request.form',
      [
        'file',
        'model',
        'prompt',
        'response_format',
        'timestamp_granularities[]',
        'timestamp_granularities[]',
        'stream',
      ],
    ],
  ])('%s', (name, names) => {
    const body = readFixture(name)
    expect(isMultipart(body)).toBe(true)
    expect(value(readMultipart(body)).map(one => one.name)).toEqual(names)
  })

  test('what the platform itself writes', async () => {
    const data = new FormData()
    data.append('prompt', 'Weiß\n"quoted"')
    data.append('file', new File([Uint8Array.of(0, 13, 10, 45, 45)], 'ä "b".mp3', { type: 'audio/mpeg' }))
    data.append('empty', '')
    const body = new Uint8Array(await new Response(data).arrayBuffer())
    expect(value(readMultipart(body)).map(({ name, kind, bytes }) => [name, kind, bytes.length])).toEqual([
      ['prompt', 'text', 15],
      ['file', 'file', 5],
      ['empty', 'text', 0],
    ])
  })
})

describe('fields', () => {
  test.each([
    ['a text', form(field('prompt', 'a\r\nb')), [['prompt', 'text', 'a\r\nb', ['prompt']]]],
    ['a file', form(file('file', '\u0000')), [['file', 'file', '\u0000', ['file']]]],
    [
      'a name twice',
      form(field('a', '1'), field('b', '2'), field('a', '3')),
      [
        ['a', 'text', '1', ['a']],
        ['b', 'text', '2', ['b']],
        ['a', 'text', '3', ['a', 1]],
      ],
    ],
    [
      'empty ones at every place',
      form(field('a', ''), field('b', ''), field('c', 'x'), field('d', ''), field('e', '')),
      [
        ['a', 'text', '', ['a']],
        ['b', 'text', '', ['b']],
        ['c', 'text', 'x', ['c']],
        ['d', 'text', '', ['d']],
        ['e', 'text', '', ['e']],
      ],
    ],
    ['an empty one alone', form(field('a', '')), [['a', 'text', '', ['a']]]],
    [
      'names without quotes',
      form(part('content-disposition:form-data;name=a', 'x')),
      [['a', 'text', 'x', ['a']]],
    ],
    [
      'a name of an encoded file',
      form(part(disposition('a', "; filename*=UTF-8''b"), 'x')),
      [['a', 'file', 'x', ['a']]],
    ],
    [
      'no line end behind the last delimiter',
      bytesOf(`${field('a', 'x')}--B--`),
      [['a', 'text', 'x', ['a']]],
    ],
    [
      'dashes in a content',
      form(field('a', '\r\n--\r\n--A--\r\n')),
      [['a', 'text', '\r\n--\r\n--A--\r\n', ['a']]],
    ],
    [
      'a charset that is read',
      form(part(`${disposition('a')}\r\nContent-Type: text/plain; charset="UTF-8"`, 'x')),
      [['a', 'text', 'x', ['a']]],
    ],
    [
      'a transfer encoding that is none',
      form(part(`${disposition('a')}\r\nContent-Transfer-Encoding: 8bit`, 'x')),
      [['a', 'text', 'x', ['a']]],
    ],
  ])('%s', (_, body, expected) => {
    expect(fields(body)).toEqual(expected)
  })
})

describe('refused, since another reader might see other fields', () => {
  const ok = field('a', 'x')
  test.each([
    ['an empty body', bytesOf('')],
    ['no delimiter', bytesOf('a=x')],
    ['a preamble', bytesOf(`\r\n${ok}--B--\r\n`)],
    ['an epilogue', bytesOf(`${ok}--B--\r\nmore`)],
    ['another form behind the end', bytesOf(`${ok}--B--\r\n${ok}--B--\r\n`)],
    ['no end', bytesOf(ok)],
    ['no part', bytesOf('--B--\r\n')],
    ['a first line that is no delimiter', bytesOf(`--B*\r\n${disposition('a')}\r\n\r\nx\r\n--B*--\r\n`)],
    ['a boundary that is too long', bytesOf(textOf(form(ok)).replaceAll('--B', `--${'B'.repeat(71)}`))],
    ['bare line feeds', bytesOf(textOf(form(ok)).replaceAll('\r', ''))],
    ['a padded delimiter', bytesOf(`${ok}--B \r\n${disposition('b')}\r\n\r\nx\r\n--B--\r\n`)],
    ['a longer boundary', bytesOf(`${ok}--BB\r\n${disposition('b')}\r\n\r\nx\r\n--B--\r\n`)],
    [
      'a delimiter right behind the headers',
      bytesOf(`--B\r\n${disposition('a')}\r\n\r\n--B\r\n${disposition('b')}\r\n\r\nx\r\n--B--\r\n`),
    ],
    [
      'a delimiter inside the headers',
      bytesOf(`--B\r\n${disposition('a')}\r\n--B\r\n${disposition('b')}\r\n\r\nx\r\n--B--\r\n`),
    ],
    ['the last delimiter right behind the headers', form(field('a', '--B--\r\nx'))],
    ['a header without a colon in an empty last part', form(ok, part(`${disposition('b')}\r\nx`, ''))],
    ['one in an empty first part', form(part(`${disposition('b')}\r\nx`, ''), ok)],
    ['no headers', form(part('', 'x'))],
    ['no disposition', form(part('Content-Type: text/plain', 'x'))],
    ['another disposition', form(part('Content-Disposition: attachment; name="a"', 'x'))],
    ['no name', form(part('Content-Disposition: form-data; filename="a"', 'x'))],
    ['two names', form(part(disposition('a', '; name="b"'), 'x'))],
    ['an encoded name', form(part(disposition('a', "; name*=UTF-8''b"), 'x'))],
    ['an escaped name', form(part('Content-Disposition: form-data; name="a\\"; name="b"', 'x'))],
    ['two dispositions', form(part(`${disposition('a')}\r\n${disposition('b')}`, 'x'))],
    ['a folded header', form(part('Content-Disposition: form-data;\r\n name="a"', 'x'))],
    ['a folded header with a colon', form(part(`${disposition('a')}\r\n ; name="b:"`, 'x'))],
    ['a header without a colon', form(part(`${disposition('a')}\r\nx`, 'x'))],
    ['a bare line feed in a header', form(part(`${disposition('a')}\nx: y`, 'x'))],
    ['base64', form(part(`${disposition('a')}\r\nContent-Transfer-Encoding: base64`, 'eA=='))],
    [
      'quoted-printable',
      form(part(`${disposition('a')}\r\nContent-Transfer-Encoding: Quoted-Printable`, 'x')),
    ],
    ['another charset', form(part(`${disposition('a')}\r\nContent-Type: text/plain; charset=utf-16`, 'x'))],
    [
      'a part of another boundary in a file',
      form(file('file', `x\r\n${part(disposition('prompt'), 'y', 'C')}--C--`)),
    ],
    [
      'one with bare line feeds',
      form(file('file', '\n--C\nCONTENT-DISPOSITION : form-data; name=prompt\n\ny\n--C--')),
    ],
    ['more parts than any API has', form(...Array<string>(257).fill(ok))],
    ['headers that are too long', form(part(`${disposition('a')}\r\nX: ${'x'.repeat(8192)}`, 'x'))],
  ])('%s', (_, body) => {
    expect(reasonOf(body)).toBe('wrong-shape')
  })

  test('the bounds themselves are taken', () => {
    expect(reasonOf(form(...Array<string>(256).fill(ok)))).toBe('ok')
    expect(reasonOf(form(part(`${disposition('a')}\r\nX: ${'x'.repeat(8000)}`, 'x')))).toBe('ok')
    expect(reasonOf(bytesOf(textOf(form(ok)).replaceAll('--B', `--${'B'.repeat(70)}`)))).toBe('ok')
    expect(reasonOf(form(file('file', 'x'.repeat(3_000_000))))).toBe('ok')
  })

  test('a name that is no UTF-8', () => {
    const body = form(field('ab', 'x'))
    body[body.indexOf(0x61, 40)] = 0xff
    expect(reasonOf(body)).toBe('not-utf8')
  })
})

test('JSON is no form', () => {
  expect(isMultipart(jsonBytes({}))).toBe(false)
  expect(isMultipart(bytesOf('-'))).toBe(false)
})

describe('gathering', () => {
  const shape = { settings: new Set(['model', 'include']), files: new Set(['file', 'image']) }
  function gathered(body: Uint8Array) {
    const into = new RequestTexts()
    const done = gatherForm(into, value(readMultipart(body)), shape)
    return [done, into.segments.map(({ message, text, path }) => [message, text, path]), into.uninspectable]
  }

  test.each([
    [
      'texts that are known or not',
      form(field('model', 'm'), field('prompt', 'a'), field('x', 'b')),
      [
        [1, 'a', ['prompt']],
        [2, 'b', ['x']],
      ],
      0,
    ],
    ['settings and files in lists', form(field('include[]', 'a'), file('image[0]', 'x')), [], 1],
    [
      'each of two prompts',
      form(field('prompt', 'a'), field('prompt', 'b')),
      [
        [0, 'a', ['prompt']],
        [1, 'b', ['prompt', 1]],
      ],
      0,
    ],
    ['a file that is sent as a text', form(field('file', 'x')), [], 1],
    ['a text that is sent as a file', form(file('prompt', 'x')), [[0, 'x', ['prompt']]], 1],
    ['a setting that is sent as a file', form(file('model', 'x')), [[0, 'x', ['model']]], 1],
    ['an empty text', form(field('prompt', '')), [], 0],
  ])('%s', (_, body, texts, uninspectable) => {
    expect(gathered(body)).toEqual(['done', texts, uninspectable])
  })

  test('what is no UTF-8 is a fault in a text and none in a file', () => {
    const broken = (body: Uint8Array) => body.map(byte => (byte === 0x7e ? 0xff : byte))
    expect(gathered(broken(form(field('prompt', '~'))))[0]).toBe('not-utf8')
    expect(gathered(broken(form(file('other', '~'))))).toEqual(['done', [], 1])
  })
})

describe('single fields', () => {
  test.each([
    ['true', true],
    ['True', true],
    ['false', false],
    ['', false],
    ['1', 'wrong-shape'],
    [undefined, undefined],
  ])('stream %j', (sent, streams) => {
    const all = sent === undefined ? [] : [field('stream', sent)]
    expect(readFormStream(value(readMultipart(form(field('a', 'x'), ...all))))).toBe(streams)
  })

  test('one that stands twice', () => {
    const all = value(readMultipart(form(field('stream', 'false'), field('stream', 'true'))))
    expect(soleField(all, 'stream')).toBe('wrong-shape')
    expect(readFormStream(all)).toBe('wrong-shape')
  })
})

describe('editing', () => {
  const body = form(
    field('model', 'm'),
    field('prompt', 'call 555-0100'),
    file('file', '\u0000\r\n'),
    field('prompt', 'b'),
  )
  const edited = (path: (string | number)[], text: string) => textOf(editMultipart(body, [{ path, text }]))

  test('changes the fields named and no other byte', () => {
    const before = textOf(body)
    expect(edited(['prompt'], 'call Weiß\r\n')).toBe(before.replace('call 555-0100', 'call Weiß\r\n'))
    expect(edited(['prompt', 1], '')).toBe(before.replace('\r\n\r\nb\r\n', '\r\n\r\n\r\n'))
    const both = editMultipart(body, [
      { path: ['prompt', 1], text: 'y' },
      { path: ['prompt'], text: 'x' },
    ])
    expect(fields(both).filter(([name]) => name === 'prompt')).toEqual([
      ['prompt', 'text', 'x', ['prompt']],
      ['prompt', 'text', 'y', ['prompt', 1]],
    ])
  })

  test('in a body that does not begin its memory', () => {
    const outer = new Uint8Array(body.length + 7)
    outer.set(body, 7)
    expect(textOf(editMultipart(outer.subarray(7), [{ path: ['prompt'], text: 'x' }]))).toBe(
      edited(['prompt'], 'x'),
    )
  })

  test.each([
    ['an unknown field', ['x'], 'a'],
    ['one that is not there so often', ['prompt', 2], 'a'],
    ['a text that would end its field', ['prompt'], 'a\r\n--B'],
    ['a text that would end it at once', ['prompt'], '--B--'],
  ])('throws on %s', (_, path, text) => {
    expect(() => edited(path, text)).toThrow(WeirError)
  })

  test('throws on two edits of one field, and on a body that is no form', () => {
    const edit = { path: ['prompt'], text: 'a' }
    expect(() => editMultipart(body, [edit, edit])).toThrow(WeirError)
    expect(() => editMultipart(bytesOf('{}'), [edit])).toThrow(WeirError)
  })
})
