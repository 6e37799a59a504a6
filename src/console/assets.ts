import { readFileSync } from 'node:fs'
import type { Page } from '../telemetry/page.ts'

const TYPES = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
} as const

/** All that the page is made of, by its path below `/console/`: nothing else is read from the disk. */
const FILES = {
  '': 'index.html',
  'page.css': 'page.css',
  'icon.svg': 'icon.svg',
  'main.js': 'main.js',
  'dom.js': 'dom.js',
  'decisions.js': 'decisions.js',
  'status.js': 'status.js',
  'bench.js': 'bench.js',
} as const

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
    Object.entries(FILES).map(([path, file]) => [
      path,
      {
        status: 200,
        contentType: TYPES[file.slice(file.lastIndexOf('.') + 1) as keyof typeof TYPES],
        body: readFileSync(new URL(`./page/${file}`, import.meta.url), 'utf8'),
      },
    ]),
  )
}
