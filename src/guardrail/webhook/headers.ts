import { z } from 'zod'
import { WeirError } from '../../errors.ts'
import { keyHeaderSchema } from '../../service/service-config.ts'

/** Headers that belong to the connection, or would have the answer come in a form that is not read. */
const OF_THE_CONNECTION = new Set([
  'accept-encoding',
  'expect',
  'keep-alive',
  'proxy-authorization',
  'proxy-connection',
  'range',
  'te',
  'trailer',
  'upgrade',
])

/** Headers by name, their values secrets or plain. */
export const headersSchema = z.record(
  keyHeaderSchema().refine(name => !OF_THE_CONNECTION.has(name), 'is a header that Weir cannot send'),
  z.string().min(1),
)

/**
 * Resolved headers as they are sent.
 *
 * @throws WeirError `bad-config` for values that no header can carry: they would fail every scan. They are not quoted.
 */
export function sendable(
  guardrail: string,
  headers: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const problems = Object.entries(headers)
    .filter(([, value]) => !/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(value))
    .map(([name]) => ({
      path: `guardrails.${guardrail}.headers.${name}`,
      message: 'holds a line break, a blank at an end or a non-ASCII character',
    }))
  if (problems.length === 0) return headers
  throw new WeirError('bad-config', `guardrail ${guardrail}: a header cannot be sent`, { problems })
}
