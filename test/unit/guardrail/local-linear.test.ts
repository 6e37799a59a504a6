import { afterEach, describe, expect, test, vi } from 'vitest'
import type { LocalGuardrail } from '../../../src/guardrail/guardrail.ts'
import { localLinks } from '../../../src/guardrail/local-links/local-links.ts'
import { localSecrets } from '../../../src/guardrail/local-secrets/local-secrets.ts'
import { output } from './segments.ts'

const SECRETS = localSecrets.create('s', localSecrets.configSchema.parse({ kind: 'local-secrets' }))
const LINKS = localLinks.create(
  'l',
  localLinks.configSchema.parse({ kind: 'local-links', allow_domains: ['example.com'], bare_domains: true }),
)

afterEach(() => vi.restoreAllMocks())

/** Units looked at one by one, and those of every piece that is cut out. */
function workOf(scan: () => void): number {
  let units = 0
  const { charCodeAt, charAt, slice } = String.prototype
  vi.spyOn(String.prototype, 'charCodeAt').mockImplementation(function (this: string, at) {
    units++
    return charCodeAt.call(this, at)
  })
  vi.spyOn(String.prototype, 'charAt').mockImplementation(function (this: string, at) {
    units++
    return charAt.call(this, at)
  })
  vi.spyOn(String.prototype, 'slice').mockImplementation(function (this: string, from, to) {
    const piece = slice.call(this, from, to)
    units += piece.length
    return piece
  })
  scan()
  vi.restoreAllMocks()
  return units
}

const HOSTILE = [
  ...[
    'a',
    '=',
    ':',
    '/',
    '.',
    '://',
    'a://',
    'a://b:',
    'token=',
    'key=ab1=',
    'password="',
    'sk-',
    '-sk-',
    'eyJ',
    '-eyJ',
    '-eyJ.',
  ],
  ...[
    '-----BEGIN ',
    '-----BEGIN PRIVATE KEY-----\n',
    'Bearer ',
    'xoxb-1-',
    ':AA',
    '-us',
    '8Q~',
    'AccountKey=',
    'u:p@',
  ],
  ...[
    'http://',
    'http://a.b ',
    '![',
    '](',
    '](//',
    '![a](//a',
    'a.',
    'javascript:',
    'data:',
    '\u200b',
    'ａ',
    '\u200bsk-',
    '{"a":',
  ],
]

const UNITS = 8192
/** More than twice the text takes at most this much more than twice the work. */
const MOST_RATIO = 2.4
/** A unit is looked at this often, looks back and forth and a second view included. */
const MOST_LOOKS = 60

describe.each([
  ['local-secrets', SECRETS],
  ['local-links', LINKS],
] as const)('%s: the work is linear in the text', (_, guard: LocalGuardrail) => {
  const scanned = (text: string) => workOf(() => guard.scan(output(text)))

  test.each(HOSTILE)('%j over and over', part => {
    const text = part.repeat(Math.ceil((2 * UNITS) / part.length))
    const once = scanned(text.slice(0, UNITS))
    const twice = scanned(text.slice(0, 2 * UNITS))
    expect(twice).toBeLessThan(once * MOST_RATIO)
    expect(once).toBeLessThan(UNITS * MOST_LOOKS)
  })
})
