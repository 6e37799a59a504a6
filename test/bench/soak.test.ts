import { expect, test } from 'vitest'
import { growthAStream, resourcesIn, soak } from './soak.ts'

const STREAMS = 2_000
/** A leak of a closure or two a stream shows; what V8 itself still learns about the code does not. */
const MOST_BYTES_A_STREAM = 500
/** Connections to the guard service and the admin listener come and go; one left by every hundredth stream shows. */
const MOST_MORE_RESOURCES = 20

test(`${STREAMS} streams of every kind come out as they must, and leave nothing behind`, {
  timeout: 120_000,
}, async () => {
  const result = await soak({ streams: STREAMS, warmUp: 1_500 })
  expect(result.failures).toEqual([])
  expect(result.left).toEqual({ exchanges: 0, heldBytes: 0 })
  expect(growthAStream(result, STREAMS)).toBeLessThan(MOST_BYTES_A_STREAM)
  expect(resourcesIn(result.end)).toBeLessThan(resourcesIn(result.start) + MOST_MORE_RESOURCES)
  expect(result.end.listeners).toBe(result.start.listeners)
})
