import { ExportResultCode } from '@opentelemetry/core'
import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer'
import { expect, test } from 'vitest'
import { OtlpExporter } from '../../../../src/telemetry/otel/otlp-exporter.ts'
import { OtlpSender } from '../../../../src/telemetry/otel/otlp-sender.ts'

const NOWHERE = {
  url: 'http://127.0.0.1:9',
  headers: () => ({}),
  timeoutMs: 1000,
  compression: 'none',
} as const

/** Hands over one item that is no span; resolves with what was reported and what the SDK heard. */
async function handOver(serializeRequest: () => undefined): Promise<unknown> {
  const reports: unknown[] = []
  const exporter = new OtlpExporter<readonly string[], unknown>({
    serializer: { serializeRequest, deserializeResponse: ProtobufTraceSerializer.deserializeResponse },
    sender: new OtlpSender(NOWHERE),
    rejected: () => 0,
    report: (items, result, lost) => reports.push([items, result, lost]),
  })
  const { promise, resolve } = Promise.withResolvers<number>()
  exporter.export(['one'], ({ code }) => resolve(code))
  const code = await promise
  await exporter.shutdown()
  return { reports, code }
}

test.each([
  [
    'throws',
    () => {
      throw new Error('a bug of what writes')
    },
  ],
  ['gives nothing', () => undefined],
])('what cannot be written as OTLP is lost, and said, where its writer %s', async (_, write) => {
  expect(await handOver(write)).toEqual({
    reports: [[['one'], 'unencodable', undefined]],
    code: ExportResultCode.FAILED,
  })
})
