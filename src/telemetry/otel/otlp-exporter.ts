import { type ExportResult as Exported, ExportResultCode } from '@opentelemetry/core'
import type { ISerializer } from '@opentelemetry/otlp-transformer'
import type { ExportResult } from '../export-families.ts'
import type { OtlpSender, Sent } from './otlp-sender.ts'

export interface OtlpExporterOptions<Items, Answer> {
  readonly serializer: ISerializer<Items, Answer>
  readonly sender: OtlpSender
  /** How much of what it took the collector left out. */
  readonly rejected: (answer: Answer) => number
  /** Hears of each export. `lost`: how much of `items` was not taken; undefined: all of it. */
  readonly report: (items: Items, result: ExportResult, lost: number | undefined, status?: number) => void
}

/** Gives what the SDK hands over to a collector. It never throws, and answers each hand-over once. */
export class OtlpExporter<Items, Answer> {
  readonly #options: OtlpExporterOptions<Items, Answer>
  readonly #running = new Set<Promise<void>>()

  constructor(options: OtlpExporterOptions<Items, Answer>) {
    this.#options = options
  }

  export(items: Items, done: (result: Exported) => void): void {
    const running = this.#export(items).then(result => {
      this.#running.delete(running)
      done({ code: result === 'ok' ? ExportResultCode.SUCCESS : ExportResultCode.FAILED })
    })
    this.#running.add(running)
  }

  async forceFlush(): Promise<void> {
    await Promise.all(this.#running)
  }

  async shutdown(): Promise<void> {
    await this.forceFlush()
  }

  async #export(items: Items): Promise<ExportResult> {
    const { sender, report } = this.#options
    const bytes = this.#written(items)
    if (bytes === undefined) {
      report(items, 'unencodable', undefined)
      return 'unencodable'
    }
    const sent = await sender.send(bytes)
    const left = sent.result === 'ok' ? this.#leftOut(sent) : 0
    const result = left > 0 ? 'rejected' : sent.result
    report(items, result, result === 'ok' || result === 'rejected' ? left : undefined, sent.status)
    return result
  }

  /** Undefined where the serializer has a fault: nobody waits for what is exported, so nobody would catch it. */
  #written(items: Items): Uint8Array | undefined {
    try {
      return this.#options.serializer.serializeRequest(items)
    } catch {
      return undefined
    }
  }

  #leftOut({ answer }: Sent): number {
    if (answer === undefined || answer.byteLength === 0) return 0
    try {
      return Number(this.#options.rejected(this.#options.serializer.deserializeResponse(answer)))
    } catch {
      // It said 2xx: whatever else it says, it took the request.
      return 0
    }
  }
}
