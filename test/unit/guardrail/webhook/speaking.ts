import { expect } from 'vitest'
import type { Outcome, ScanSubject } from '../../../../src/guardrail/guardrail.ts'
import { runRemoteScan } from '../../../../src/guardrail/run-scan.ts'
import { webhook } from '../../../../src/guardrail/webhook/webhook.ts'
import { openGuardHttp } from '../../../support/guard-http.ts'
import type { JudgingServer } from '../../../support/judging-server.ts'
import { type StubDialect, startWebhookStub, type WebhookStubOptions } from '../../../support/webhook-stub.ts'
import { output, segment } from '../segments.ts'

const PATHS: Readonly<Record<StubDialect, string>> = {
  generic: '/judge',
  agentgateway: '/guard',
  litellm: '',
  portkey: '/hook',
  custom: '/v3/check',
}

/** A template for the service that speaks none of the dialects. */
export const CUSTOM = {
  dialect: 'template',
  request: {
    direction: `\${side}`,
    content: `Judge: \${text}`,
    turns: `\${messages}`,
    options: { strict: true },
  },
  response: {
    flagged: '/result/decision',
    flagged_values: ['deny'],
    clean_values: ['allow'],
    score: '/result/risk',
    categories: '/labels',
    request_id: '/id',
  },
}

/** A guardrail and the service that it asks. */
export interface Speaking extends AsyncDisposable {
  readonly stub: JudgingServer
  scan(subject: ScanSubject, signal?: AbortSignal): Promise<Outcome>
}

/** The stub of a dialect, and a guardrail that speaks it over a real client. */
export async function speaking(
  dialect: StubDialect,
  config: object = {},
  { path = PATHS[dialect], ...options }: Partial<WebhookStubOptions> & { readonly path?: string } = {},
): Promise<Speaking> {
  const client = openGuardHttp()
  const stub = await startWebhookStub({ dialect, ...options })
  const parsed = webhook.configSchema.parse({
    kind: 'webhook',
    url: stub.origin + path,
    ...(dialect === 'custom' ? CUSTOM : { dialect }),
    ...config,
  })
  const guardrail = webhook.create('guard', parsed, client)
  return {
    stub,
    scan: (subject, signal = new AbortController().signal) =>
      runRemoteScan(guardrail, subject, signal, () => 0),
    async [Symbol.asyncDispose]() {
      await client.close()
      await stub.close()
    },
  }
}

export const verdict = (value: object) => ({ kind: 'verdict', verdict: value })
export const failure = (reason: string) => ({ kind: 'failure', reason })
export const clean = verdict({ kind: 'clean' })
/** Flagged without a category and without a place. */
export const unplaced = verdict({
  kind: 'flagged',
  findings: [expect.not.objectContaining({ span: expect.anything() })],
})
export const at = (place: number, start: number, end: number) => ({
  detector: 'webhook',
  span: { segment: place, start, end },
})

export const CONVERSATION: ScanSubject = {
  side: 'input',
  segments: [
    segment('Be brief.', { message: 0, role: 'system' }),
    segment('  ', { message: 1 }),
    segment('hello', { message: 2 }),
  ],
}
export const ANSWER: ScanSubject = {
  ...output('one', 'two'),
  side: 'output',
  conversation: [segment('asked')],
  final: true,
}
