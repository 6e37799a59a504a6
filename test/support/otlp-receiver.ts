import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'
import { type ReceivedMetrics, type ReceivedSpan, readMetrics, readSpans } from './otlp-messages.ts'

/** What the receiver does with every request instead of taking it. */
export type ReceiverFault =
  | { readonly kind: 'status'; readonly status: number; readonly headers?: Record<string, string> }
  /** Takes the request and never answers. */
  | { readonly kind: 'hang' }
  /** Takes the request and answers with these bytes. */
  | { readonly kind: 'answer'; readonly body: Uint8Array }

/** A collector as OTLP over HTTP has it. It is strict: what the specification does not have is answered with 400. */
export interface OtlpReceiver {
  readonly origin: string
  /** All that came, each span once. */
  readonly spans: readonly ReceivedSpan[]
  readonly metrics: readonly ReceivedMetrics[]
  /** Of every request, in order of arrival. */
  readonly headers: readonly IncomingHttpHeaders[]
  /** What was refused, and why; a test looks at it. */
  readonly problems: readonly string[]
  /** Every byte of every request, uncompressed, for who looks for what must not be there. */
  received(): string
  fault: ReceiverFault | undefined
  /** Resolves when `holds` does; looks again at every request. */
  until(holds: () => boolean): Promise<void>
  /** The first span for which it holds, waited for. */
  span(is: (span: ReceivedSpan) => boolean): Promise<ReceivedSpan>
  clear(): void
  close(): Promise<void>
}

export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = []
  const metrics: ReceivedMetrics[] = []
  const headers: IncomingHttpHeaders[] = []
  const problems: string[] = []
  const bodies: string[] = []
  const waiting = new Set<() => void>()
  const take = (path: string, given: IncomingHttpHeaders, body: Buffer): void => {
    if (given['content-type'] !== 'application/x-protobuf') throw new Error(`type ${given['content-type']}`)
    const coding = given['content-encoding']
    if (coding !== undefined && coding !== 'gzip') throw new Error(`coding ${coding}`)
    const bytes = coding === 'gzip' ? gunzipSync(body) : body
    bodies.push(bytes.toString('latin1'))
    if (path === '/v1/traces') spans.push(...readSpans(bytes))
    else if (path === '/v1/metrics') metrics.push(...readMetrics(bytes))
    else throw new Error(`nobody is at ${path}`)
  }
  const server = createServer((request, response) => {
    const chunks: Uint8Array[] = []
    request.on('data', chunk => chunks.push(chunk))
    request.on('end', () => {
      headers.push(request.headers)
      const { fault } = receiver
      let status = 200
      if (fault?.kind === 'status') status = fault.status
      else {
        try {
          if (request.method !== 'POST') throw new Error(`method ${request.method}`)
          take(request.url?.split('?')[0] ?? '', request.headers, Buffer.concat(chunks))
        } catch (error) {
          problems.push(String(error))
          status = 400
        }
      }
      if (fault?.kind !== 'hang') {
        response.writeHead(status, fault?.kind === 'status' ? fault.headers : {})
        response.end(fault?.kind === 'answer' ? fault.body : undefined)
      }
      for (const look of [...waiting]) look()
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const until = (holds: () => boolean): Promise<void> =>
    new Promise(resolve => {
      const look = (): void => {
        if (!holds()) return
        waiting.delete(look)
        resolve()
      }
      waiting.add(look)
      look()
    })
  const receiver: OtlpReceiver = {
    origin: `http://127.0.0.1:${port}`,
    spans,
    metrics,
    headers,
    problems,
    received: () => bodies.join(''),
    fault: undefined,
    until,
    async span(is) {
      await until(() => spans.some(is))
      return spans.find(is)!
    },
    clear() {
      for (const list of [spans, metrics, headers, problems, bodies]) list.length = 0
    },
    close() {
      server.closeAllConnections()
      return new Promise(resolve => server.close(() => resolve()))
    },
  }
  return receiver
}
