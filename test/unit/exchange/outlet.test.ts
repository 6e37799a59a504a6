import { describe, expect, test } from 'vitest'
import type { Reply } from '../../../src/exchange/events.ts'
import { type Outlet, openOutlet } from '../../../src/exchange/outlet.ts'

const CHUNK = Buffer.from('a body')

/** A response of which the headers are answered and the body is here. */
function buffered(): { outlet: Outlet; replies: Reply[] } {
  const replies: Reply[] = []
  const outlet = openOutlet('response', 'buffered', reply => replies.push(reply))
  outlet.receivedHeaders(false)
  outlet.replyHeaders()
  outlet.receivedBody(CHUNK)
  return { outlet, replies }
}

describe('BUFFERED: a whole answer of ours can take the place of the upstream’s', () => {
  test('while its body is in our hands', () => {
    expect(buffered().outlet.canReplaceAnswer).toBe(true)
  })

  test('not once its body was let go untouched, though its answer is still to leave', () => {
    const { outlet, replies } = buffered()
    outlet.pass(CHUNK)
    expect(outlet.canReplaceAnswer).toBe(false)
    outlet.settle({ judging: false })
    expect(replies).toEqual([
      { kind: 'headers', side: 'response' },
      { kind: 'body', side: 'response' },
    ])
    expect(outlet.canReplaceAnswer).toBe(false)
  })

  test('not once something was written in its place', () => {
    const { outlet } = buffered()
    outlet.write(Buffer.from('another'))
    expect(outlet.canReplaceAnswer).toBe(false)
  })
})
