import { expect, test } from 'vitest'
import { parseListenAddress } from '../../../src/config/address.ts'
import { Backoff } from '../../../src/workers/backoff.ts'
import { workerAddresses } from '../../../src/workers/worker-address.ts'

test('the wait before a restart doubles up to its most, and begins anew after a healthy run', () => {
  const backoff = new Backoff({ firstMs: 100, mostMs: 450, healthyMs: 1000 })
  expect([0, 0, 10, 999].map(ranMs => backoff.next(ranMs))).toEqual([100, 200, 400, 450])
  expect([1000, 0].map(ranMs => backoff.next(ranMs))).toEqual([100, 200])
})

test.each([
  ['127.0.0.1:9002', ['127.0.0.1:9002', '127.0.0.1:9003', '127.0.0.1:9004']],
  ['[::1]:9002', ['[::1]:9002', '[::1]:9003', '[::1]:9004']],
  ['127.0.0.1:0', ['127.0.0.1:0', '127.0.0.1:0', '127.0.0.1:0']],
  ['unix:///run/weir.sock', ['unix:///run/weir.sock', 'unix:///run/weir.sock.1', 'unix:///run/weir.sock.2']],
])('three workers of %s listen at addresses of their own', (text, expected) => {
  expect(workerAddresses(parseListenAddress(text)!, 3)).toEqual(expected)
})
