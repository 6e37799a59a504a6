import { z } from 'zod'
import {
  type JudgingServer,
  type StubAnswer,
  type StubRequest,
  startJudgingServer,
} from './judging-server.ts'

/** A text with this in it is blocked. */
export const FLAG_MARKER = 'FLAG-ME'
/** What is masked where the dialect can say so, and blocked where it cannot. */
const EMAIL = /[\w.]+@[\w.]+\w/g

export type StubDialect = 'generic' | 'agentgateway' | 'litellm' | 'portkey' | 'custom'

const text = z.string().regex(/\S/)
const message = z.strictObject({ role: z.string().min(1), content: text })
const answered = z.strictObject({ role: z.literal('assistant'), content: text })

const schemas = {
  generic: z.strictObject({
    input: text,
    model: z.string().min(1).optional(),
    phase: z.enum(['input', 'output']),
  }),
  agentgatewayRequest: z.strictObject({ body: z.strictObject({ messages: z.array(message).min(1) }) }),
  agentgatewayResponse: z.strictObject({
    body: z.strictObject({ choices: z.array(z.strictObject({ message: answered })).min(1) }),
  }),
  litellm: z.strictObject({
    input_type: z.enum(['request', 'response']),
    litellm_call_id: z.uuid(),
    texts: z.array(text).min(1),
    images: z.tuple([]),
    tools: z.tuple([]),
    tool_calls: z.tuple([]),
    structured_messages: z.array(message).optional(),
    model: z.string().min(1).optional(),
    request_data: z.strictObject({}),
    additional_provider_specific_params: z.record(z.string(), z.unknown()),
  }),
  portkey: z.strictObject({
    request: z.strictObject({
      json: z.strictObject({ messages: z.array(message) }),
      text: z.string(),
      isStreamingRequest: z.boolean(),
      isTransformed: z.boolean(),
    }),
    response: z.strictObject({
      json: z.union([
        z.strictObject({}),
        z.strictObject({ choices: z.array(z.strictObject({ index: z.int(), message: answered })) }),
      ]),
      text: z.string(),
      statusCode: z.int().nullable(),
    }),
    provider: z.string().min(1),
    requestType: z.literal('chatComplete'),
    metadata: z.strictObject({}),
    eventType: z.enum(['beforeRequestHook', 'afterRequestHook']),
  }),
  custom: z.strictObject({
    direction: z.enum(['input', 'output']),
    content: z.string(),
    turns: z.array(message),
    options: z.strictObject({ strict: z.boolean() }),
  }),
} as const

export interface WebhookStubOptions {
  readonly dialect: StubDialect
  /** The header and value that every request must carry. */
  readonly key?: { readonly header: string; readonly value: string }
}

/** A guard service of one dialect, as strict as its documentation. Where it expects which URL is the dialect's. */
export function startWebhookStub({ dialect, key }: WebhookStubOptions): Promise<JudgingServer> {
  return startJudgingServer(request => {
    if (key !== undefined && request.headers[key.header] !== key.value)
      return { status: 401, json: { error: 'wrong key' } }
    if (key === undefined && request.headers.authorization !== undefined)
      return { status: 401, json: { error: 'unexpected key' } }
    return JUDGES[dialect](request)
  })
}

const JUDGES: Readonly<Record<StubDialect, (request: StubRequest) => StubAnswer>> = {
  generic: request =>
    at(request, '/judge', schemas.generic, ({ input }) =>
      input.includes(FLAG_MARKER)
        ? {
            flagged: true,
            categories: ['Prompt_Attack', 'hate'],
            scores: { Prompt_Attack: 0.9 },
            reason: input,
          }
        : { allowed: true },
    ),
  agentgateway(request) {
    if (request.path === '/guard/response')
      return at(request, '/guard/response', schemas.agentgatewayResponse, ({ body }) =>
        agentgatewayAction(
          body.choices.map(choice => choice.message.content),
          masked => ({
            choices: masked.map(content => ({ message: { role: 'assistant', content } })),
          }),
        ),
      )
    return at(request, '/guard/request', schemas.agentgatewayRequest, ({ body }) =>
      agentgatewayAction(
        body.messages.map(({ content }) => content),
        masked => ({ messages: masked.map(content => ({ role: 'user', content })) }),
      ),
    )
  },
  litellm: request =>
    at(request, '/beta/litellm_basic_guardrail_api', schemas.litellm, ({ texts }) => {
      if (texts.some(isFlagged)) return { action: 'BLOCKED', blocked_reason: texts.join() }
      const masked = texts.map(mask)
      return masked.join() === texts.join()
        ? { action: 'NONE', texts: null, blocked_reason: null }
        : { action: 'GUARDRAIL_INTERVENED', texts: masked, images: null }
    }),
  portkey: request =>
    at(request, '/hook', schemas.portkey, body => {
      const isBefore = body.eventType === 'beforeRequestHook'
      const judged = isBefore ? body.request : body.response
      if (isFlagged(judged.text)) return { verdict: false, data: { reason: judged.text } }
      if (mask(judged.text) === judged.text) return { verdict: true, transformedData: null }
      const json = JSON.parse(mask(JSON.stringify(judged.json)))
      return { verdict: true, transformedData: { [isBefore ? 'request' : 'response']: { json } } }
    }),
  custom: request =>
    at(request, '/v3/check', schemas.custom, ({ content }) => ({
      result: { decision: isFlagged(content) ? 'deny' : 'allow', risk: isFlagged(content) ? 0.8 : 0.1 },
      labels: { Jailbreak: isFlagged(content), toxic: false },
      id: 'check-17',
    })),
}

function agentgatewayAction(texts: readonly string[], body: (masked: readonly string[]) => unknown) {
  if (texts.some(isFlagged))
    return { action: { body: 'Not allowed', status_code: 403, reason: texts.join() } }
  const masked = texts.map(mask)
  return masked.join() === texts.join()
    ? { action: { reason: 'ok' } }
    : { action: { body: body(masked), reason: 'masked' } }
}

function at<T>(
  request: StubRequest,
  path: string,
  schema: z.ZodType<T>,
  judge: (body: T) => unknown,
): StubAnswer {
  if (request.path !== path) return { status: 404, json: { error: 'no such path' } }
  const parsed = schema.safeParse(request.json)
  if (!parsed.success) return { status: 422, json: { error: z.prettifyError(parsed.error) } }
  return { status: 200, json: judge(parsed.data) }
}

function isFlagged(content: string): boolean {
  return content.includes(FLAG_MARKER)
}

function mask(content: string): string {
  return content.replace(EMAIL, '[EMAIL]')
}
