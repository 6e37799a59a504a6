import type { IncomingMessage, ServerResponse } from 'node:http'
import type { MorePages, Readiness } from '../telemetry/admin.ts'
import { hostProblem, originProblem, siteProblem } from '../telemetry/callers.ts'
import type { Log } from '../telemetry/log.ts'
import type { MetricObject } from '../telemetry/metrics.ts'
import { failure, json, type Page, send, wrongMethod } from '../telemetry/page.ts'
import { CONSOLE_HEADERS, readAssets } from './assets.ts'
import { type BenchResponse, MAX_BODY_CHARS } from './bench.ts'
import { DecisionFeed } from './decision-feed.ts'
import type { DecisionRing } from './decision-ring.ts'
import type { SnapshotHistory } from './snapshot-history.ts'
import { SHOWN_FAMILIES, summaryOf } from './summary.ts'

export interface ConsoleDeps {
  /** `read_only`: without the bench. */
  readonly access: 'read_only' | 'full'
  /** Host names, beside IP addresses and localhost, by which it may be asked; lower case. */
  readonly hosts: readonly string[]
  readonly ring: DecisionRing
  /** Brings what other processes decided into the ring; absent where there are none. */
  readonly refresh?: (() => Promise<void>) | undefined
  readonly readiness: () => Readiness
  /** Families of metrics by their names; no scrape. */
  readonly look: (names: readonly string[]) => Promise<readonly MetricObject[]>
  readonly snapshots: SnapshotHistory
  /** Never rejects. */
  readonly judge: (question: string) => Promise<BenchResponse>
  readonly log: Log
}

/** A question as JSON: every character of its body may be escaped. */
const MAX_QUESTION_BYTES = 6 * MAX_BODY_CHARS + 16_384
const ROOT = '/console/'
const READS = 'GET, HEAD'

/** `/console/`, the page; what it reads and asks below that path; and `/decisions`. */
export function createConsole(deps: ConsoleDeps): MorePages {
  const assets = readAssets()
  const feed = new DecisionFeed(deps)
  const answer = async (
    request: IncomingMessage,
    response: ServerResponse,
    url: URL,
  ): Promise<Page | 'sent'> => {
    const problem = callerProblem(request, url.pathname, deps.hosts)
    if (problem !== undefined) return failure(403, problem)
    if (url.pathname === '/console/bench') return bench(request, deps)
    if (request.method !== 'GET' && request.method !== 'HEAD') return wrongMethod(READS)
    switch (url.pathname) {
      case '/decisions':
        await feed.answer(request, response, url.searchParams)
        return 'sent'
      case '/console':
        // Below whatever path a proxy shows it at.
        return { ...json(308, {}), headers: { location: 'console/' } }
      case '/console/status':
        return json(200, await status(deps))
      default:
        return assets.get(url.pathname.slice(ROOT.length)) ?? failure(404, 'no such page')
    }
  }
  return {
    answer(request, response) {
      const url = URL.parse(request.url ?? '', 'http://console')
      if (url === null || !isOurs(url.pathname)) return false
      answer(request, response, url).then(
        page => page === 'sent' || give(response, page),
        (error: unknown) => {
          // Whoever asked is gone.
          if (!request.complete) return void response.destroy()
          deps.log.error('console request failed', { err: error })
          if (response.headersSent) response.destroy()
          else give(response, failure(500, 'internal error'))
        },
      )
      return true
    },
    close: () => feed.close(),
  }
}

function isOurs(path: string): boolean {
  return path === '/decisions' || path === '/console' || path.startsWith(ROOT)
}

function give(response: ServerResponse, page: Page): void {
  send(response, { ...page, headers: { ...CONSOLE_HEADERS, ...page.headers } })
}

/** A page of another origin may link to the console; it may not read, nor do, anything there. */
function callerProblem(request: IncomingMessage, path: string, hosts: readonly string[]): string | undefined {
  const { headers } = request
  const fromHost = hostProblem(headers.host, hosts)
  if (fromHost !== undefined) return fromHost
  if (path === '/console/bench') return originProblem(headers)
  const isLink = headers['sec-fetch-mode'] === 'navigate' && (path === '/console' || path === ROOT)
  return isLink ? undefined : siteProblem(headers)
}

async function status({ access, readiness, snapshots, look }: ConsoleDeps): Promise<unknown> {
  const metrics = await look(SHOWN_FAMILIES)
  return {
    time: new Date().toISOString(),
    access,
    readiness: readiness(),
    snapshot: snapshots.view(),
    metrics: summaryOf(metrics),
  }
}

async function bench(request: IncomingMessage, deps: ConsoleDeps): Promise<Page> {
  if (deps.access !== 'full') return failure(403, 'the bench is off: it takes server.console.access: full')
  if (request.method !== 'POST') return wrongMethod('POST')
  // What a form of another page can send is none of it.
  if (!/^application\/json(?:\s*;|$)/i.test(request.headers['content-type'] ?? '')) {
    return failure(415, 'the content type must be application/json')
  }
  const question = await readBody(request)
  if (question === undefined) {
    return {
      ...failure(413, `the question is over ${MAX_QUESTION_BYTES} bytes`),
      headers: { connection: 'close' },
    }
  }
  const { status, body } = await deps.judge(question)
  return { status, contentType: 'application/json; charset=utf-8', body }
}

/** Undefined when it is too large; the rest is not read, then. */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  if (Number(request.headers['content-length'] ?? 0) > MAX_QUESTION_BYTES) return undefined
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    length += chunk.byteLength
    if (length > MAX_QUESTION_BYTES) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
