import { expect, test } from 'vitest'
import { createRedisStore, redisUrlProblem } from '../../../src/verdict-cache/redis-store.ts'
import { cacheKeys } from '../../../src/verdict-cache/secret-key.ts'

test.each([
  'redis://cache',
  'redis://cache:6380',
  'rediss://cache.example.com:6380/2',
  'redis://:p%40ss@127.0.0.1',
  'redis://user:pass@[::1]:6379/0',
])('%s can be that of a cache server', url => {
  expect(redisUrlProblem(url)).toBeUndefined()
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
  const problem = redisUrlProblem(url)
  expect(problem).toMatch(/^(is|must|may) /)
  expect(problem).not.toContain('CANARY')
  const create = () =>
    createRedisStore({ url, ttlMs: 1000, seal: cacheKeys('secret').seal, report: () => {} })
  expect(create).toThrow(expect.objectContaining({ code: 'bad-config', message: `the cache URL ${problem}` }))
})
