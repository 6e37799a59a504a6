import { WeirError } from '../errors.ts'
import { usage } from './arguments.ts'

/** Past this a line is no decision of Weir's. */
const MAX_LINE_CHARS = 1_048_576

/**
 * The lines of the decision feed of a running Weir, the kept ones first, until it ends or the signal aborts. `url`: the
 * admin listener's, with or without `/decisions`.
 *
 * @throws WeirError `bad-usage` when there is no feed at that URL, `unreachable` when nothing answers there
 */
export async function* feedLines(url: string, stop: AbortSignal): AsyncIterable<string> {
  const response = await open(feedUrl(url), stop)
  const decoder = new TextDecoder()
  let rest = ''
  try {
    for await (const chunk of response.body ?? []) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
      rest = lines.pop() ?? ''
      if (rest.length > MAX_LINE_CHARS) throw usage('--url names no feed of Weir: a line of it has no end')
      yield* lines
    }
  } catch (cause) {
    if (stop.aborted) return
    if (cause instanceof WeirError) throw cause
    throw new WeirError('unreachable', 'the feed broke off before it ended: is Weir still running?', {
      cause,
    })
  }
}

function feedUrl(text: string): URL {
  const url = URL.parse(text)
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw usage('--url must be a URL, such as http://127.0.0.1:9090')
  }
  if (url.pathname === '/') url.pathname = '/decisions'
  url.searchParams.set('follow', 'true')
  return url
}

async function open(url: URL, stop: AbortSignal): Promise<Response> {
  let response: Response
  try {
    response = await fetch(url, { signal: stop, redirect: 'error' })
  } catch (cause) {
    if (stop.aborted) return new Response()
    throw new WeirError(
      'unreachable',
      `nothing answers at ${url.host}: is Weir running, and is this its admin address?`,
      {
        cause,
      },
    )
  }
  if (response.headers.get('content-type')?.startsWith('application/x-ndjson')) return response
  await response.body?.cancel()
  const why = response.status === 404 ? ': server.console.access must be read_only or full' : ''
  throw usage(`--url: ${url.host} has no feed there (status ${response.status})${why}`)
}
