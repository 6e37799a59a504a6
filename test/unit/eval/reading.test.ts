import { crc32, deflateRawSync, gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { openTarGz, openZip } from '../../eval/archive.ts'
import { Chance } from '../../eval/chance.ts'
import { join, WRAPS } from '../../eval/sets/wrap.ts'
import { pythonStrings } from '../../eval/sources/python.ts'

/** One file, deflated or stored. */
function zipOf(path: string, text: string, method: 0 | 8): Buffer {
  const data = Buffer.from(text)
  const packed = method === 8 ? deflateRawSync(data) : data
  const name = Buffer.from(path)
  const fields = Buffer.alloc(26)
  fields.writeUInt16LE(method, 4)
  fields.writeUInt32LE(crc32(data), 10)
  fields.writeUInt32LE(packed.length, 14)
  fields.writeUInt32LE(data.length, 18)
  fields.writeUInt16LE(name.length, 22)
  const local = Buffer.concat([Buffer.from('PK\x03\x04'), fields, name, packed])
  const entry = Buffer.concat([Buffer.from('PK\x01\x02\0\0'), fields, Buffer.alloc(14), name])
  const end = Buffer.alloc(22)
  end.write('PK\x05\x06')
  end.writeUInt16LE(1, 10)
  end.writeUInt32LE(entry.length, 12)
  end.writeUInt32LE(local.length, 16)
  return Buffer.concat([local, entry, end])
}

describe('archives', () => {
  test.each([0, 8] as const)('a zip with method %i', method => {
    const archive = openZip(zipOf('a/b.txt', 'grüße '.repeat(50), method))
    expect(archive.paths).toEqual(['a/b.txt'])
    expect(archive.text('a/b.txt')).toBe('grüße '.repeat(50))
  })

  test('what is no zip, and what is not in one', () => {
    expect(() => openZip(Buffer.from('nothing'))).toThrow('not a zip file')
    expect(() => openZip(zipOf('a', 'x', 0)).text('b')).toThrow('no b in the archive')
  })

  test('a tar', () => {
    const header = Buffer.alloc(512)
    header.write('package/x.json')
    header.write('00000000003', 124)
    header.write('0', 156)
    const archive = openTarGz(
      gzipSync(Buffer.concat([header, Buffer.from('{ }'.padEnd(512, '\0')), Buffer.alloc(1024)])),
    )
    expect(archive.paths).toEqual(['package/x.json'])
    expect(archive.text('package/x.json')).toBe('{ }')
  })
})

describe('strings of a Python source', () => {
  const texts = (source: string): string[] => pythonStrings(source).map(({ text }) => text)

  test('joins adjacent ones, over lines and comments', () => {
    expect(texts('x = ("one "  # first\n     "two"\n)')).toEqual(['one two'])
  })
  test('reads triple quotes, escapes and prefixes', () => {
    expect(texts('f"""a\n"b" {c}"""; r"\\d"; "\\u00e9\\n\\""')).toEqual(['a\n"b" {c}', '\\d', 'é\n"'])
  })
  test('takes no quote in a comment for a string', () => {
    expect(texts("# it's\ny = 'z'")).toEqual(['z'])
  })
  test('tells what stands before it', () => {
    expect(pythonStrings('  GOAL = "go"')).toEqual([{ text: 'go', lead: '  GOAL = ' }])
  })
})

describe('what a text is dressed in', () => {
  const pieces = [{ text: 'call\n' }, { text: '+1 "2"', entity: 'phone' }, { text: ' now' }]

  test.each(Object.keys(WRAPS))('%s keeps the span on the value', wrap => {
    const { text, spans } = join(WRAPS[wrap]?.(pieces, new Chance('wrap')) ?? [])
    expect(spans).toHaveLength(1)
    const [{ start, end, entity } = { start: 0, end: 0, entity: '' }] = spans
    expect(entity).toBe('phone')
    const value = text.slice(start, end).normalize('NFKC')
    expect(value.replaceAll('\\', '')).toBe('+1 "2"')
  })

  test('json stays json', () => {
    const { text } = join(WRAPS.json?.(pieces, new Chance('wrap')) ?? [])
    expect(JSON.parse(text)).toEqual({ id: 7, note: 'call\n+1 "2" now', done: false })
  })
})
