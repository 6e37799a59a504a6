import { describe, expect, test } from 'vitest'
import { createRedisStore, redisUrlProblem } from '../../../src/verdict-cache/redis-store.ts'
import { cacheKeys } from '../../../src/verdict-cache/secret-key.ts'

const STRICT = { allowPlaintext: false }

test.each([
  'redis://cache',
  'redis://cache:6380',
  'rediss://cache.example.com:6380/2',
  'redis://:p%40ss@127.0.0.1',
  'redis://user:pass@[::1]:6379/0',
])('%s can be that of a cache server', url => {
  expect(redisUrlProblem(url, STRICT)).toBeUndefined()
})

test.each([
  'cache:6379',
  'CANARY',
  'http://cache/CANARY',
  'unix:///run/CANARY.sock',
  'redis:///0',
  'redis://cache/CANARY',
  'redis://cache/0?password=CANARY',
  'redis://cache/#CANARY',
  'redis://:CANARY%zz@cache',
])('%s cannot, and no error quotes it', url => {
  const problem = redisUrlProblem(url, STRICT)
  expect(problem).toMatch(/^(is|must|may) /)
  expect(problem).not.toContain('CANARY')
  const create = () =>
    createRedisStore({ url, ttlMs: 1000, seal: cacheKeys('secret').seal, report: () => {} })
  expect(create).toThrow(expect.objectContaining({ code: 'bad-config', message: `the cache URL ${problem}` }))
})

const FORBIDDEN =
  'is a link-local, cloud metadata, unspecified or multicast address: Weir never connects to one'

describe('the address in it', () => {
  test.each([
    ...['169.254.169.254', '169.254.169.254:80', '2852039166', '0xa9fea9fe', '0251.0376.0251.0376'],
    ...[
      '[::ffff:169.254.169.254]',
      '[::FFFF:A9FE:A9FE]',
      '[fd00:ec2::254]',
      '0.0.0.0',
      ':CANARY@169.254.169.254',
    ],
    ...['%31%36%39.254.169.254', 'x\\@169.254.169.254'],
  ])('is never %s, with TLS or leave', host => {
    for (const scheme of ['redis', 'rediss'])
      for (const allowPlaintext of [false, true])
        expect(redisUrlProblem(`${scheme}://${host}/0`, { allowPlaintext })).toBe(FORBIDDEN)
  })

  test.each(['metadata.google.internal', 'METADATA.google.internal.', 'instance-data'])(
    'is never the metadata service by its name %s',
    host => {
      expect(redisUrlProblem(`rediss://${host}`, STRICT)).toContain('is the name of a cloud metadata service')
    },
  )

  test.each(['192.0.2.1', ':CANARY@[2001:db8::1]:6380', '3221225985'])('needs TLS or leave for %s', host => {
    expect(redisUrlProblem(`redis://${host}`, STRICT)).toBe(
      'is a public address without TLS: use rediss, or set allow_plaintext: true',
    )
    expect(redisUrlProblem(`redis://${host}`, { allowPlaintext: true })).toBeUndefined()
    expect(redisUrlProblem(`rediss://${host}`, STRICT)).toBeUndefined()
  })
})
