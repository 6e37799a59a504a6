import { z } from 'zod'

/** The file descriptor by which a probed process and its bench talk. */
export const PROBE_FD = 3

/** What a process says of itself after two full garbage collections; sizes are bytes, times milliseconds. */
export const probeReading = z.strictObject({
  heapUsed: z.number(),
  /** Memory of buffers, outside the heap. */
  external: z.number(),
  rss: z.number(),
  /** How late timers rang since the reading before; the collections asked for are not in it. */
  lagP99: z.number(),
  lagMax: z.number(),
  /** What keeps the event loop alive, by kind: handles, requests, timers. */
  resources: z.record(z.string(), z.number()),
  /** Listeners of the process itself. */
  listeners: z.number(),
})

export type ProbeReading = z.output<typeof probeReading>

/** What lives: the heap and the buffers outside of it. */
export const liveBytes = ({ heapUsed, external }: ProbeReading): number => heapUsed + external
