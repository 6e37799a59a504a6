import { constants, crc32, deflateRawSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { CHAT_HEADERS, chatCompletion, chatRequest } from '../support/chat.ts'
import { EnvoyModel } from '../support/envoy-model.ts'
import { flagWord, policy, policySet, rule } from '../support/policies.ts'

/** Text that compresses to three quarters. */
function noise(chars: number): string {
  let seed = 1
  return Array.from({ length: chars }, () => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
    return 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'[Math.floor(seed / 65_536) % 64]
  }).join('')
}

/** A gzip body in two pieces, the first of which says as many bytes as the whole body has. */
function twoPieces(): { first: Buffer; rest: Buffer } {
  const header = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3])
  const whole = chatCompletion(`${noise(6000)} a secret`)
  for (let at = 1000; at < whole.length; at++) {
    const first = deflateRawSync(whole.slice(0, at), { finishFlush: constants.Z_SYNC_FLUSH })
    const rest = deflateRawSync(whole.slice(at))
    const end = Buffer.alloc(8)
    end.writeUInt32LE(crc32(whole), 0)
    end.writeUInt32LE(whole.length, 4)
    if (header.length + first.length + rest.length + end.length === at)
      return { first: Buffer.concat([header, first]), rest: Buffer.concat([rest, end]) }
  }
  throw new Error('no such body')
}

test.each(['fail-closed', 'fail-open'] as const)(
  'in STREAMED the length of a coded answer is not that of its text: judged whole, %s',
  failing => {
    const outputRules = [rule(flagWord('secret'), 'block', failing)]
    const envoy = new EnvoyModel(policySet(policy({ outputRules })), { mode: 'streamed' })
    envoy.headers('request', CHAT_HEADERS)
    envoy.body('request', chatRequest('hello'), 'end')
    const { first, rest } = twoPieces()
    // Without a content type the body itself has to tell what it is, and is read without its coding.
    const length = String(first.length + rest.length)
    envoy.headers('response', { ':status': '200', 'content-encoding': 'gzip', 'content-length': length })
    envoy.body('response', first)
    envoy.body('response', rest, 'end')
    expect(envoy.response.bytes.includes('secret')).toBe(false)
    expect(envoy.records.at(-1)).toMatchObject({ effective: 'denied', because: 'flagged' })
  },
)
