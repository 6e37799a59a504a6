import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { OtlpSender, type SenderOptions } from '../../../../src/telemetry/otel/otlp-sender.ts'
import { type OtlpReceiver, startOtlpReceiver } from '../../../support/otlp-receiver.ts'

let receiver: OtlpReceiver
beforeEach(async () => {
  receiver = await startOtlpReceiver()
})
afterEach(() => receiver.close())

/** A request of OTLP in which nothing is. */
const NOTHING = new Uint8Array()

function sender(options: Partial<SenderOptions> = {}): OtlpSender {
  const url = `${receiver.origin}/v1/traces`
  return new OtlpSender({ url, headers: () => ({}), compression: 'none', timeoutMs: 5000, ...options })
}

test('asks for its headers each time, and has the last word on its own', async () => {
  let key = 'one'
  const one = sender({ headers: () => ({ 'x-key': key, 'content-type': 'text/plain' }) })
  expect(await one.send(NOTHING)).toMatchObject({ result: 'ok', status: 200 })
  key = 'two'
  await one.send(NOTHING)
  expect(receiver.headers.map(headers => headers['x-key'])).toEqual(['one', 'two'])
  expect(receiver.problems).toEqual([])
})

describe('what came of it', () => {
  test.each([400, 401, 404, 413, 500, 307])('status %s is final', async status => {
    receiver.fault = { kind: 'status', status, headers: { location: `${receiver.origin}/v1/metrics` } }
    expect(await sender().send(NOTHING)).toEqual({ result: 'refused', status })
    expect(receiver.headers).toHaveLength(1)
  })

  test.each([429, 502, 503, 504])(
    'status %s is tried again, when the collector asks for it',
    async status => {
      receiver.fault = { kind: 'status', status, headers: { 'retry-after': '0' } }
      const sending = sender().send(NOTHING)
      await receiver.until(() => receiver.headers.length === 2)
      receiver.fault = undefined
      expect(await sending).toMatchObject({ result: 'ok' })
    },
  )

  test('a pause longer than the deadline is not waited for', async () => {
    receiver.fault = { kind: 'status', status: 503, headers: { 'retry-after': '3600' } }
    expect(await sender().send(NOTHING)).toEqual({ result: 'refused', status: 503 })
  })

  test.each(['0', '-1', 'Thu, 01 Jan 1970 00:00:00 GMT'])(
    '"%s" is no leave to ask again without a pause',
    async retryAfter => {
      receiver.fault = { kind: 'status', status: 503, headers: { 'retry-after': retryAfter } }
      expect(await sender({ timeoutMs: 100 }).send(NOTHING)).toEqual({ result: 'refused', status: 503 })
      expect(receiver.headers).toHaveLength(1)
    },
  )

  test('nobody there', async () => {
    await receiver.close()
    expect(await sender({ timeoutMs: 100 }).send(NOTHING)).toEqual({ result: 'unreachable' })
    receiver = await startOtlpReceiver()
  })

  test('no answer', async () => {
    receiver.fault = { kind: 'hang' }
    expect(await sender({ timeoutMs: 100 }).send(NOTHING)).toEqual({ result: 'timeout' })
  })

  test('an answer that is too long is read no further', async () => {
    receiver.fault = { kind: 'answer', body: new Uint8Array(1_000_000) }
    expect(await sender().send(NOTHING)).toEqual({ result: 'ok', status: 200 })
  })
})

describe('closing', () => {
  test('ends what is under way', async () => {
    receiver.fault = { kind: 'hang' }
    const one = sender({ timeoutMs: 60_000 })
    const sending = one.send(NOTHING)
    await receiver.until(() => receiver.headers.length === 1)
    one.close()
    expect(await sending).toEqual({ result: 'shutdown' })
  })

  test('ends what waits for another try', async () => {
    receiver.fault = { kind: 'status', status: 503, headers: { 'retry-after': '50' } }
    const one = sender({ timeoutMs: 60_000 })
    const sending = one.send(NOTHING)
    await receiver.until(() => receiver.headers.length === 1)
    one.close()
    expect(await sending).toEqual({ result: 'shutdown' })
  })

  test('sends nothing after', async () => {
    const one = sender()
    one.close()
    expect(await one.send(NOTHING)).toEqual({ result: 'shutdown' })
    expect(receiver.headers).toEqual([])
  })
})
