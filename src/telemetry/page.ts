import type { ServerResponse } from 'node:http'

/** A whole answer of the admin listener. */
export interface Page {
  readonly status: number
  readonly contentType: string
  readonly body: string
  readonly headers?: Readonly<Record<string, string>>
}

export function text(status: number, body: string): Page {
  return { status, contentType: 'text/plain; charset=utf-8', body }
}

export function json(status: number, value: unknown): Page {
  return {
    status,
    contentType: 'application/json; charset=utf-8',
    body: `${JSON.stringify(value, undefined, 2)}\n`,
  }
}

/** `message`: what was wrong and what to do, for people; never what came in. */
export function failure(status: number, message: string): Page {
  return json(status, { error: message })
}

/** For another method than these, as in `GET, HEAD`. */
export function wrongMethod(allow: string): Page {
  return { ...failure(405, `only ${allow.replace(', ', ' and ')}`), headers: { allow } }
}

export function send(response: ServerResponse, page: Page): void {
  const headers = {
    'content-type': page.contentType,
    'content-length': Buffer.byteLength(page.body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...page.headers,
  }
  // Node leaves the body out by itself when the request was a HEAD.
  response.writeHead(page.status, headers).end(page.body)
}
