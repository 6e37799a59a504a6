export type Queue = <T>(run: () => Promise<T>) => Promise<T>

/** Runs what it is given, at most `size` at once and in order; the rest waits in line. */
export function openQueue(size: number): Queue {
  const waiting: (() => void)[] = []
  let free = size
  return async run => {
    if (free > 0) free -= 1
    else await new Promise<void>(resolve => waiting.push(resolve))
    try {
      return await run()
    } finally {
      // The place goes straight to the next in line, so that nobody who comes in between takes it.
      const next = waiting.shift()
      if (next === undefined) free += 1
      else next()
    }
  }
}
