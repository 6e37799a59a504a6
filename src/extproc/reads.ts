import type { BodyReader, ReadJob, ReadResult } from '../exchange/body-reading.ts'

/** The bodies of one call that are read elsewhere. Nobody waits for them once the call is over. */
export class Reads {
  readonly #reader: BodyReader
  readonly #running = new Set<() => void>()

  constructor(reader: BodyReader) {
    this.#reader = reader
  }

  start(job: ReadJob, done: (result: ReadResult) => void): void {
    const forget = this.#reader.read(job, result => {
      this.#running.delete(forget)
      done(result)
    })
    this.#running.add(forget)
  }

  stop(): void {
    for (const forget of this.#running) forget()
    this.#running.clear()
  }
}
