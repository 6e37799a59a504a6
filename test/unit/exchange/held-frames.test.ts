import { describe, expect, it } from 'vitest'
import { HeldFrames } from '../../../src/exchange/held-frames.ts'
import { NO_PARTS, type Part } from '../../../src/llm/format.ts'
import { openaiChat } from '../../../src/llm/openai-chat/index.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** Frames of the pieces: of one read where `read` is `whole`, each of its own where it is `apart`. */
function held(pieces: readonly [string, readonly Part[]][], read: 'whole' | 'apart'): HeldFrames {
  const memory = encoder.encode(pieces.map(([text]) => text).join(''))
  const frames = new HeldFrames()
  let at = 0
  for (const [text, parts] of pieces) {
    const length = encoder.encode(text).length
    const bytes = memory.subarray(at, at + length)
    frames.push({ frame: { bytes: read === 'whole' ? bytes : bytes.slice(), parts }, texts: [] })
    at += length
  }
  return frames
}

const textsOf = (frames: HeldFrames) =>
  frames.ready(() => true).map(({ frame }) => decoder.decode(frame.bytes))

describe('held frames that say nothing', () => {
  const END: readonly Part[] = [{ kind: 'terminator' }]

  it.each(['whole', 'apart'] as const)('are one frame, and no other is (%s)', read => {
    const frames = held(
      [
        [':a\n\n', NO_PARTS],
        [':b\n\n', NO_PARTS],
        ['data: [DONE]\n\n', END],
        ['data: {}\n\n', []],
        [':c\n\n', NO_PARTS],
      ],
      read,
    )
    expect(textsOf(frames)).toEqual([':a\n\n:b\n\n', 'data: [DONE]\n\n', 'data: {}\n\n', ':c\n\n'])
    expect(frames.bytes).toBe(36)
  })

  it('are copied only while they are short', () => {
    const comment = `:${'x'.repeat(2100)}\n\n`
    const twice: readonly [string, readonly Part[]][] = [
      [comment, NO_PARTS],
      [comment, NO_PARTS],
    ]
    expect(textsOf(held(twice, 'apart'))).toEqual([comment, comment])
    expect(textsOf(held(twice, 'whole'))).toEqual([comment + comment])
  })

  it('keep count of what went out of the first of them', () => {
    const frames = held(
      [
        ['\uFEFF:a\n\n', NO_PARTS],
        [':b\n\n', NO_PARTS],
      ],
      'whole',
    )
    frames.skip(3)
    frames.push({ frame: { bytes: encoder.encode(':c\n\n'), parts: NO_PARTS }, texts: [] })
    expect(frames.bytes).toBe(12)
    const ready = frames.ready(() => true)
    expect(frames.drop(ready)).toBe(3)
    expect(frames.bytes).toBe(0)
  })

  it('are what a format gives for comments and blank lines', () => {
    const [comment, empty, chunk] = openaiChat
      .openStream()
      .push(encoder.encode(':a\n\ndata:\n\ndata: {"choices":[]}\n\n'))
    expect([comment?.parts, empty?.parts].every(parts => parts === NO_PARTS)).toBe(true)
    expect(chunk?.parts).not.toBe(NO_PARTS)
  })
})
