import type { LookupAddress, LookupAllOptions } from 'node:dns'
import type { LookupFunction } from 'node:net'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { EgressRule, ResolveAll } from '../../../src/service/egress.ts'
import {
  EgressError,
  egressRefusal,
  endpointProblem,
  guardedLookup,
  literalRefusal,
} from '../../../src/service/egress.ts'
import { disguised, forbiddenIpv4, spelled } from './address-spellings.ts'

const HTTPS: EgressRule = { protocol: 'https:', allowPlaintext: false }
const HTTP: EgressRule = { protocol: 'http:', allowPlaintext: false }
const ANY_HTTP: EgressRule = { protocol: 'http:', allowPlaintext: true }
const NEVER = [
  ...['169.254.169.254', 'fe80::1', 'fd00:ec2::254', '100.100.100.200', '0.0.0.0', '::', '224.0.0.1'],
  ...['::ffff:a9fe:a9fe', '64:ff9b::a9fe:a9fe', 'fe80::1%eth0', 'no address'],
]

describe('an address', () => {
  test.each(NEVER)('%s is forbidden, whatever is allowed', address => {
    for (const rule of [HTTPS, HTTP, ANY_HTTP, { ...HTTPS, allowPlaintext: true }])
      expect(egressRefusal(address, rule)).toBe('forbidden-address')
  })

  test.each(['127.0.0.1', '::1', '10.1.2.3', '192.168.0.1', '100.64.0.1', 'fd12::1', '::ffff:10.1.2.3'])(
    '%s may be asked without TLS',
    address => {
      for (const rule of [HTTPS, HTTP, ANY_HTTP]) expect(egressRefusal(address, rule)).toBeUndefined()
    },
  )

  test.each(['1.1.1.1', '2606:4700::1', '::ffff:1.1.1.1', '64:ff9b::10.0.0.1'])(
    '%s needs TLS, unless told otherwise',
    address => {
      expect(egressRefusal(address, HTTPS)).toBeUndefined()
      expect(egressRefusal(address, HTTP)).toBe('plaintext')
      expect(egressRefusal(address, ANY_HTTP)).toBeUndefined()
    },
  )
})

/** Host parts that a URL reads as 169.254.169.254. */
const METADATA_HOSTS = [
  ...[
    '169.254.169.254',
    '169.254.169.254.',
    '2852039166',
    '0xa9fea9fe',
    '0XA9.0xFE.0xa9.0xfe',
    '025177524776',
  ],
  ...['0251.0376.0251.0376', '169.254.43518', '169.16689662', '0xa9.254.0251.254', '%31%36%39.254.169.254'],
  ...['①⑥⑨.②⑤④.①⑥⑨.②⑤④', '169。254。169。254', '１６９.２５４.１６９.２５４'],
  ...[
    '[::ffff:169.254.169.254]',
    '[::FFFF:A9FE:A9FE]',
    '[0:0:0:0:0:ffff:a9fe:a9fe]',
    '[64:ff9b::169.254.169.254]',
  ],
]

describe('the host of a URL', () => {
  test.each(METADATA_HOSTS)('%s is forbidden', host => {
    for (const allowPlaintext of [false, true]) {
      expect(literalRefusal(new URL(`https://${host}/v1`), { allowPlaintext })).toBe('forbidden-address')
      expect(literalRefusal(new URL(`http://${host}:8080/`), { allowPlaintext })).toBe('forbidden-address')
    }
  })

  test('is forbidden in every disguise that IPv6 has for a forbidden address', () => {
    const hosts = forbiddenIpv4.chain(disguised).chain(spelled)
    fc.assert(
      fc.property(hosts, host => {
        const url = new URL(`https://[${host}]/`)
        expect(literalRefusal(url, { allowPlaintext: true })).toBe('forbidden-address')
      }),
    )
  })

  test.each(['1.1.1.1', '16843009', '[2606:4700::1]'])('%s needs TLS', host => {
    expect(literalRefusal(new URL(`http://${host}/`), { allowPlaintext: false })).toBe('plaintext')
    expect(literalRefusal(new URL(`http://${host}/`), { allowPlaintext: true })).toBeUndefined()
    expect(literalRefusal(new URL(`https://${host}/`), { allowPlaintext: false })).toBeUndefined()
  })

  test.each(['127.1', '[::1]', '10.0.0.1', 'localhost', 'api.example.com', 'metadata.google.internal'])(
    '%s is nothing to refuse yet',
    host => {
      expect(literalRefusal(new URL(`http://${host}/`), { allowPlaintext: false })).toBeUndefined()
    },
  )
})

describe('an endpoint in the config', () => {
  test.each(METADATA_HOSTS)('must not be %s', host => {
    expect(endpointProblem(`https://${host}/`, true)).toContain('never connects')
  })

  test.each([
    ...[
      'metadata',
      'metadata.google.internal',
      'METADATA.Google.Internal.',
      'metadata.goog',
      'instance-data.',
    ],
    ...['instance-data.ec2.internal', 'metadata.tencentyun.com', 'ｍetadata.google.internal', 'metadata..'],
  ])('must not be the name %s', host => {
    expect(endpointProblem(`https://${host}:8443/v1`, true)).toContain('metadata service')
  })

  test('must be https where its address is public', () => {
    expect(endpointProblem('http://1.1.1.1/v1', false)).toContain('allow_plaintext')
    expect(endpointProblem('http://1.1.1.1/v1', true)).toBeUndefined()
    expect(endpointProblem('https://1.1.1.1/v1', false)).toBeUndefined()
  })

  test.each([
    ...[
      'http://127.0.0.1:1',
      'http://[::1]:1',
      'http://10.0.0.1',
      'http://presidio:3000',
      'http://api.example.com',
    ],
    ...['https://metadata.example.com', 'https://my-metadata', 'not a URL'],
  ])('may be %s as far as can be seen', url => {
    expect(endpointProblem(url, false)).toBeUndefined()
  })
})

type Asked = readonly [string, LookupAllOptions]

/** A resolver that gives one answer after the other, the last one for ever. It answers later, as DNS does. */
function answering(...answers: readonly (readonly string[] | Error)[]) {
  const asked: Asked[] = []
  const resolve: ResolveAll = (hostname, options, callback) => {
    const answer = answers[Math.min(asked.length, answers.length - 1)] ?? []
    asked.push([hostname, options])
    setImmediate(() => {
      if (answer instanceof Error) callback(answer, [])
      else
        callback(
          null,
          answer.map(address => ({ address, family: address.includes(':') ? 6 : 4 })),
        )
    })
  }
  return { asked, resolve }
}

type Answer =
  | { readonly error: NodeJS.ErrnoException }
  | { readonly address: string | LookupAddress[]; readonly family: number | undefined }

function look(
  lookup: LookupFunction,
  options: Parameters<LookupFunction>[1],
  name = 'guard.test',
): Promise<Answer> {
  return new Promise(resolve => {
    lookup(name, options, (error, address, family) => {
      resolve(error === null ? { address, family } : { error })
    })
  })
}

describe('a lookup', () => {
  const ADDRESSES = ['10.0.0.1', 'fd12::1']

  test('gives all addresses when asked for all, and passes on what it was asked', async () => {
    const { asked, resolve } = answering(ADDRESSES)
    const found = await look(guardedLookup({ ...HTTP, resolve }), { all: true, family: 0, hints: 32 })
    expect(found).toEqual({
      address: [
        { address: '10.0.0.1', family: 4 },
        { address: 'fd12::1', family: 6 },
      ],
      family: undefined,
    })
    expect(asked).toEqual([['guard.test', { all: true, family: 0, hints: 32 }]])
  })

  test('gives the first when asked for one, and still judges all', async () => {
    const good = answering(ADDRESSES)
    expect(await look(guardedLookup({ ...HTTP, resolve: good.resolve }), { family: 4 })).toEqual({
      address: '10.0.0.1',
      family: 4,
    })
    expect(good.asked).toEqual([['guard.test', { all: true, family: 4 }]])
    const bad = answering([...ADDRESSES, '169.254.169.254'])
    expect(await look(guardedLookup({ ...HTTP, resolve: bad.resolve }), {})).toMatchObject({
      error: { code: 'WEIR_EGRESS_FORBIDDEN' },
    })
  })

  test.each(NEVER)('fails as a whole for one answer of %s, wherever it stands', async address => {
    for (const answer of [[address], [address, ...ADDRESSES], [...ADDRESSES, address]]) {
      const lookup = guardedLookup({ ...ANY_HTTP, resolve: answering(answer).resolve })
      const found = await look(lookup, { all: true })
      expect(found).toEqual({ error: expect.any(EgressError) })
      expect(found).toMatchObject({ error: { code: 'WEIR_EGRESS_FORBIDDEN' } })
    }
  })

  test('needs TLS as soon as one address is public', async () => {
    const { resolve } = answering(['10.0.0.1', '1.1.1.1'])
    expect(await look(guardedLookup({ ...HTTP, resolve }), { all: true })).toMatchObject({
      error: { code: 'WEIR_EGRESS_PLAINTEXT' },
    })
    for (const rule of [HTTPS, ANY_HTTP])
      expect(await look(guardedLookup({ ...rule, resolve }), { all: true })).toHaveProperty('address')
  })

  test('passes on why a name does not resolve', async () => {
    const error = Object.assign(new Error('no such name'), { code: 'ENOTFOUND' })
    const { resolve } = answering(error)
    for (const options of [{}, { all: true }])
      expect(await look(guardedLookup({ ...HTTPS, resolve }), options)).toEqual({ error })
  })

  test('fails for a name without addresses', async () => {
    const { resolve } = answering([])
    for (const options of [{}, { all: true }])
      expect(await look(guardedLookup({ ...HTTPS, resolve }), options)).toMatchObject({
        error: { code: 'ENOTFOUND' },
      })
  })

  test('asks the system unless told whom, and judges what it makes of a number', async () => {
    expect(await look(guardedLookup(HTTP), { all: true }, 'localhost')).toHaveProperty('address')
    expect(await look(guardedLookup(ANY_HTTP), { all: true }, '2852039166')).toMatchObject({
      error: { code: 'WEIR_EGRESS_FORBIDDEN' },
    })
  })

  test('an error names neither host nor address', async () => {
    const { resolve } = answering(['169.254.169.254'])
    const found = await look(guardedLookup({ ...HTTPS, resolve }), { all: true })
    const told = 'error' in found ? `${found.error.stack} ${JSON.stringify(found.error)}` : ''
    expect(told).toContain('EgressError')
    for (const secret of ['guard.test', '169.254']) expect(told).not.toContain(secret)
  })
})
