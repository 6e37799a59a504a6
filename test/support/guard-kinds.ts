import type { Snapshot } from '../../src/config/snapshot.ts'
import { startContentSafetyStub } from './azure-content-safety-stub.ts'
import { startChecksStub } from './bedrock-checks-stub.ts'
import { startBedrockStub } from './bedrock-guardrail-stub.ts'
import { snapshotOf } from './config.ts'
import { startLakeraStub } from './lakera-stub.ts'
import { startLlmJudgeStub } from './llm-judge-stub.ts'
import { startModelArmorStub } from './model-armor-stub.ts'
import { startModerationStub } from './openai-moderation-stub.ts'
import { startPresidioStub } from './presidio-stub.ts'
import { type StubDialect, startWebhookStub } from './webhook-stub.ts'

/** The secret of every service, where it takes one: nothing that a scan leaves behind may hold it. */
export const KEY_CANARY = 'key-canary-7f3a91'

/** A remote kind as its config and its service have it. */
export interface GuardKind {
  readonly title: string
  /** Starts the strict stub of its service, which lets only the key in. */
  start(): Promise<{ readonly origin: string; close(): Promise<void> }>
  /** Its config with the service at this origin; the key as the reference `$env://KEY`. */
  config(origin: string): Readonly<Record<string, unknown>>
  /** Text that its stub flags. */
  readonly flagged: string
  /** Where a flagged stretch comes with its place: such a stretch. */
  readonly placed?: string
  /** What fits into one request, in characters. */
  readonly limit: number
  /**
   * Places in a clean answer (RegExp on `/a/0/b`) that do not decide: the answer may stay clean without them. All
   * others do: without them there is no verdict.
   */
  readonly undecided: RegExp
}

/** All that ask a service, the way the registry knows them; a kind with several ways to ask has a row for each. */
export const GUARD_KINDS: readonly GuardKind[] = [
  {
    title: 'lakera',
    start: async () => {
      const stub = await startLakeraStub({ apiKey: KEY_CANARY, projects: ['project-1'] })
      return { origin: new URL(stub.url).origin, close: () => stub.close() }
    },
    config: origin => ({
      kind: 'lakera',
      api_key: '$env://KEY',
      lakera_endpoint: `${origin}/v2/guard`,
      project_id: 'project-1',
    }),
    flagged: 'FLAG-ME',
    placed: 'PII-ME',
    limit: 100_000,
    undecided: /^\/(?:breakdown|payload|metadata|dev_info)(?:\/|$)/,
  },
  {
    title: 'bedrock',
    start: async () => {
      const stub = await startBedrockStub({ auth: { apiKey: KEY_CANARY } })
      return { origin: stub.origin, close: () => stub.close() }
    },
    config: origin => ({
      kind: 'bedrock',
      region: 'eu-west-1',
      endpoint: origin,
      guardrail_id: 'gr1',
      guardrail_version: '1',
      api_key: '$env://KEY',
    }),
    flagged: 'ATTACK-ME',
    limit: 25_000,
    undecided: /^\/(?:actionReason|outputs|assessments|usage|guardrailCoverage)(?:\/|$)/,
  },
  {
    title: 'bedrock-checks',
    start: async () => {
      const stub = await startChecksStub({ auth: { apiKey: KEY_CANARY } })
      return { origin: stub.origin, close: () => stub.close() }
    },
    config: origin => ({
      kind: 'bedrock-checks',
      region: 'eu-west-1',
      endpoint: origin,
      api_key: '$env://KEY',
    }),
    flagged: 'HATE=0.9',
    limit: 25_000,
    undecided: /^\/usage(?:\/|$)/,
  },
  {
    title: 'openai-moderation',
    start: async () => {
      const stub = await startModerationStub(KEY_CANARY)
      return { origin: new URL(stub.url).origin, close: () => stub.close() }
    },
    config: origin => ({
      kind: 'openai-moderation',
      api_key: '$env://KEY',
      endpoint: `${origin}/v1/moderations`,
    }),
    flagged: 'HATE-ME',
    limit: 32_768,
    undecided:
      /^\/(?:id|model|results\/\d+\/(?:categor(?:ies|y_scores)\/.*|category_applied_input_types.*))$/,
  },
  azureContentSafety('prompt_shield', 'ATTACK-ME', /^\/documentsAnalysis$/),
  azureContentSafety('analyze', 'HATE-6', /^\/blocklistsMatch$/),
  {
    title: 'model-armor',
    start: async () => {
      const template = 'projects/proj-1/locations/europe-west4/templates/strict'
      const stub = await startModelArmorStub({ accessToken: KEY_CANARY, template })
      return { origin: stub.origin, close: () => stub.close() }
    },
    config: origin => ({
      kind: 'model-armor',
      project: 'proj-1',
      location: 'europe-west4',
      template: 'strict',
      access_token: '$env://KEY',
      endpoint: origin,
    }),
    flagged: 'FLAG-ME',
    placed: 'ann@example.test',
    limit: 60_000,
    // Which filters run is the template's business: an answer with one less is another template's.
    undecided:
      /\/(?:sanitizationMetadata|confidenceLevel|raiFilterTypeResults|filterResults\/\w+|raiFilterTypeResults\/\w+)$/,
  },
  {
    title: 'presidio',
    start: async () => {
      const stub = await startPresidioStub()
      return { origin: stub.origin, close: () => stub.close() }
    },
    config: origin => ({ kind: 'presidio', endpoint: origin }),
    flagged: 'ann@example.test',
    placed: 'ann@example.test',
    limit: 100_000,
    undecided: /^$/,
  },
  webhook('generic', '/judge', { limit: 16_000, undecided: /^$/ }),
  webhook('agentgateway', '/guard', { limit: 100_000, undecided: /^\/action\/reason$/, masks: true }),
  webhook('litellm', '', { limit: 100_000, undecided: /^\/(?:texts|blocked_reason)$/, masks: true }),
  webhook('portkey', '/hook', { limit: 100_000, undecided: /^\/transformedData$/, masks: true }),
  webhook('custom', '/v3/check', {
    limit: 100_000,
    undecided: /^\/(?:id|labels(?:\/\w+)?|result\/risk)$/,
  }),
  {
    title: 'llm-judge',
    start: async () => {
      const stub = await startLlmJudgeStub(KEY_CANARY)
      return { origin: stub.origin, close: () => stub.close() }
    },
    config: origin => ({
      kind: 'llm-judge',
      api_key: '$env://KEY',
      endpoint: `${origin}/v1/chat/completions`,
      model: 'judge-1',
    }),
    flagged: 'FLAG-ME',
    limit: 24_000,
    undecided:
      /^\/(?:id|object|created|model|usage.*|choices\/0\/(?:index|logprobs|finish_reason|message\/(?:role|refusal)))$/,
  },
]

function azureContentSafety(
  check: 'prompt_shield' | 'analyze',
  flagged: string,
  undecided: RegExp,
): GuardKind {
  return {
    title: `azure-content-safety ${check}`,
    start: async () => {
      const stub = await startContentSafetyStub({ apiKey: KEY_CANARY })
      return { origin: stub.origin, close: () => stub.close() }
    },
    config: origin => ({
      kind: 'azure-content-safety',
      endpoint: origin,
      api_key: '$env://KEY',
      checks: [check],
    }),
    flagged,
    limit: 10_000,
    undecided,
  }
}

/** A template for the service that speaks none of the dialects. */
const TEMPLATE = {
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

interface WebhookTraits {
  readonly limit: number
  readonly undecided: RegExp
  /** Sends back what it would have changed. */
  readonly masks?: boolean
}

function webhook(
  dialect: StubDialect,
  path: string,
  { limit, undecided, masks = false }: WebhookTraits,
): GuardKind {
  const key =
    dialect === 'litellm'
      ? { header: 'x-api-key', value: KEY_CANARY }
      : { header: 'authorization', value: `Bearer ${KEY_CANARY}` }
  return {
    title: `webhook ${dialect === 'custom' ? 'template' : dialect}`,
    start: async () => {
      const stub = await startWebhookStub({ dialect, key })
      return { origin: stub.origin, close: () => stub.close() }
    },
    config: origin => ({
      kind: 'webhook',
      url: `${origin}${path}`,
      api_key: '$env://KEY',
      ...(dialect === 'custom' ? TEMPLATE : { dialect }),
    }),
    flagged: 'FLAG-ME',
    ...(masks ? { placed: 'ann@example.test' } : {}),
    limit,
    undecided,
  }
}

/** What a policy adds to its one rule, and to itself. */
export interface KindPolicy {
  readonly rule?: object
  readonly stream?: object
}

/** A snapshot with the kind as guardrail `guard`, asked at `origin` for both sides, action block. */
export function snapshotOfKind(
  kind: GuardKind,
  origin: string,
  config: object = {},
  { rule = {}, stream = {} }: KindPolicy = {},
): Snapshot {
  const guardrails = [{ use: 'guard', direction: 'both', action: 'block', ...rule }]
  const text = JSON.stringify({
    guardrails: { guard: { ...kind.config(origin), ...config } },
    policies: [{ name: 'all', guardrails, stream }],
  })
  return snapshotOf(text, { KEY: KEY_CANARY })
}
