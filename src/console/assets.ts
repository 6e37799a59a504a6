import { readFileSync } from 'node:fs'
import type { Page } from '../telemetry/page.ts'

const HTML = 'text/html; charset=utf-8'
const CSS = 'text/css; charset=utf-8'
const SCRIPT = 'text/javascript; charset=utf-8'
const SVG = 'image/svg+xml'

/** All that the page is made of, by its path below `/console/`: nothing else is read from the disk. */
const FILES = [
  ['', 'index.html', HTML],
  ['page.css', 'page.css', CSS],
  ['icon.svg', 'icon.svg', SVG],
  ['main.js', 'main.js', SCRIPT],
  ['dom.js', 'dom.js', SCRIPT],
  ['decisions.js', 'decisions.js', SCRIPT],
  ['status.js', 'status.js', SCRIPT],
  ['bench.js', 'bench.js', SCRIPT],
] as const

/**
 * The page may load its own files and ask its own server, and that is all: no inline script or style, no frame, no form,
 * no text that becomes markup.
 */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ')

/** Of every answer of the console. */
export const CONSOLE_HEADERS = {
  'content-security-policy': CONTENT_SECURITY_POLICY,
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-frame-options': 'DENY',
} as const

/** The page's files, read once. */
export function readAssets(): ReadonlyMap<string, Page> {
  return new Map(
    FILES.map(([path, file, contentType]) => [
      path,
      { status: 200, contentType, body: readFileSync(new URL(`./page/${file}`, import.meta.url), 'utf8') },
    ]),
  )
}
