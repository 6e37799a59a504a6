import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { contentCodings } from '../../../src/coding/codings.ts'
import { RequestBody } from '../../../src/exchange/request-body.ts'

function bodyOf(bytes: Uint8Array, maxBytes = 1000): RequestBody {
  const body = new RequestBody(contentCodings, 'gzip', maxBytes)
  body.push(bytes)
  return body
}

describe('a body that is to be changed', () => {
  test('is given as it was read', () => {
    const body = bodyOf(gzipSync('a text'))
    expect(Buffer.from(body.reread()).toString()).toBe('a text')
  })

  test('and cannot be read after all never goes on as it is', () => {
    const bug = expect.objectContaining({ code: 'bug' })
    expect(() => bodyOf(Buffer.from('no gzip')).reread()).toThrow(bug)
    expect(() => bodyOf(gzipSync(Buffer.alloc(100)), 10).reread()).toThrow(bug)
  })
})
