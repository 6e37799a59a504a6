import { WeirError } from '../errors.ts'

/**
 * Envoy ends calls by RST_STREAM. Node takes many of those for a rapid-reset attack (CVE-2023-44487) and closes the
 * connection, with every other call on it. The peer here is one's own proxy, so the guard is set far above
 * what it sends.
 */
export const RESET_SETTINGS = {
  streamResetBurst: 1_000_000_000,
  streamResetRate: 1_000_000_000,
}

/** HTTP/2's default windows of 64 KiB throttle large bodies; these doubled their throughput. */
export const STREAM_WINDOW_BYTES = 4 * 1024 * 1024
export const CONNECTION_WINDOW_BYTES = 16 * 1024 * 1024

/** Node 24 obeys streamResetBurst from 24.21 on, Node 26 from 26.10 on; older ones ignore it without a word. */
export function requireResetSettings(nodeVersion: string): void {
  const [major = 0, minor = 0] = nodeVersion.split('.').map(Number)
  const obeys = (major === 24 && minor >= 21) || (major === 26 && minor >= 10) || major > 26
  if (obeys) return
  throw new WeirError(
    'unsupported-runtime',
    `Node ${nodeVersion} closes connections on which Envoy resets many streams; use Node 24.21, 26.10 or newer (npm scripts of this project do)`,
  )
}
