import { describe, expect, it } from 'vitest'
import { createScrubber } from '../../../src/telemetry/scrub.ts'

describe('a scrubber', () => {
  it('keeps a value that is told again, however often others were rotated since', () => {
    const scrubber = createScrubber()
    scrubber.add(['key-in-use', 'key-of-old'])
    for (let rotation = 0; rotation < 2000; rotation++)
      scrubber.add(['key-in-use', `rotated-${rotation}-key`])
    expect(scrubber.text('key-in-use, rotated-1999-key')).toBe('***, ***')
    // Its number of values is bounded: what nobody has told for long goes first.
    expect(scrubber.text('key-of-old')).toBe('key-of-old')
  })
  it('finds a value in lower case as well: so are the detectors that guard services name', () => {
    const scrubber = createScrubber()
    scrubber.add(['Key-In-Use'])
    expect(scrubber.text('pii/key-in-use, Key-In-Use')).toBe('pii/***, ***')
    expect(scrubber.jsonLine('{"detectors":["key-in-use"]}\n')).toBe('{"detectors":["***"]}\n')
  })
})
