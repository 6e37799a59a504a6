import { z } from 'zod'

/** One file of policy tests, as `weir test` reads it: YAML, every key of every case checked. */

/** The processing modes that Envoy is shipped with. */
export const MODES = ['full-duplex', 'streamed', 'buffered'] as const

export type Mode = (typeof MODES)[number]

const name = z.string().min(1)
const texts = z.array(z.string().min(1)).min(1)

/** What a body is made of. One of them; without any the message has no body. */
const bodySources = {
  json: z.unknown().optional().describe('The body as a JSON value.'),
  text: z.string().optional().describe('The body as it stands.'),
  file: name.optional().describe('The body is in this file; relative to the file of the cases.'),
}

const cut = z
  .union([z.array(z.int().min(1)).min(1), z.strictObject({ every: z.int().min(1) })])
  .optional()
  .describe(
    'Where the body is cut into the chunks that Envoy sends: byte offsets, or `{ every: N }` bytes. Whole when left out.',
  )

const headers = z.record(name, z.string()).optional()

const requestSchema = z.strictObject({
  path: name.default('/v1/chat/completions').describe('Path and query.'),
  host: name.optional(),
  route: name.optional().describe('The name of the Envoy route.'),
  policy: name.optional().describe('The policy that Envoy names by `x-weir-policy`.'),
  headers,
  ...bodySources,
  cut,
})

const responseSchema = z.strictObject({
  status: z.int().min(200).max(599).default(200),
  headers,
  ...bodySources,
  says: z
    .string()
    .min(1)
    .optional()
    .describe(
      "A whole answer with this text, in the API's own form: a stream where the request asks for one.",
    ),
  events: z
    .array(z.unknown())
    .min(1)
    .optional()
    .describe('The `data` of each event of an event stream: texts as they stand, everything else as JSON.'),
  cut,
})

const FAILURES = [
  'timeout',
  'unreachable',
  'bad-response',
  'rate-limited',
  'circuit-open',
  'overloaded',
] as const

const findingSchema = z.union([
  name.transform(detector => ({ detector, text: undefined })),
  z.strictObject({
    detector: name,
    text: name
      .optional()
      .describe('Found wherever this text stands, and only there. Without: whatever is asked.'),
  }),
])

const recordedSchema = z.union([
  z.literal('clean').transform(() => ({ kind: 'clean' as const })),
  z
    .strictObject({ flagged: z.array(findingSchema).min(1) })
    .transform(({ flagged }) => ({ kind: 'flagged' as const, findings: flagged })),
  z
    .strictObject({ failure: z.enum(FAILURES) })
    .transform(({ failure }) => ({ kind: 'failure' as const, reason: failure })),
])

/** What a guardrail says in a case, in place of asking it. */
export type Recorded = z.output<typeof recordedSchema>

const EFFECTIVE = ['released', 'redacted', 'denied', 'discarded', 'unguarded'] as const

const sideSchema = z.union([
  z.enum(EFFECTIVE).transform(effective => ({
    effective,
    because: undefined,
    detectors: undefined,
    would: undefined,
  })),
  z.strictObject({
    effective: z.enum(EFFECTIVE).optional().describe('`unguarded`: no rule looked at it.'),
    because: name
      .optional()
      .describe('As in the decision record: clean, flagged, failed-closed, failed-open …'),
    detectors: z.array(name).optional().describe('Exactly these detectors flagged, in any order.'),
    would: z
      .partialRecord(z.enum(['block', 'redact', 'fail_closed']), z.enum(['redacted', 'denied', 'the-same']))
      .optional()
      .describe('What would have come of it, had every rule been set so.'),
  }),
])

/** What a case expects of the decision about one side. */
export type ExpectedSide = z.output<typeof sideSchema>

const seenSchema = z.strictObject({ contains: texts.optional(), lacks: texts.optional() })

/** What a case expects of bytes that somebody gets. */
export type ExpectedBytes = z.output<typeof seenSchema>

const expectSchema = z
  .strictObject({
    policy: name.optional().describe('The policy that took the request.'),
    request: sideSchema.optional(),
    response: sideSchema.optional(),
    upstream: z
      .union([z.literal('nothing'), seenSchema])
      .optional()
      .describe('The request body that the upstream gets; `nothing`: the request does not reach it.'),
    client: seenSchema
      .extend({
        status: z.int().optional(),
        headers: z.record(name, z.string()).optional(),
      })
      .optional()
      .describe('The answer that the client gets.'),
    asked: z.array(name).optional().describe('These guardrails were asked.'),
    not_asked: z.array(name).optional().describe('These were not.'),
  })
  .refine(expected => Object.keys(expected).length > 0, { error: 'must expect something' })

/** What must have come of a case. */
export type Expected = z.output<typeof expectSchema>

const modes = z
  .array(z.enum(MODES))
  .min(1)
  .optional()
  .describe('How Envoy is set, as `weir envoy --mode` has it; played in each.')

const caseSchema = z.strictObject({
  name,
  modes,
  request: requestSchema,
  response: responseSchema.optional().describe('What the upstream answers. Without, nothing comes back.'),
  guardrails: z
    .record(name, recordedSchema)
    .optional()
    .describe('What guardrails say, by their names in the config. Those that are not named are asked.'),
  expect: expectSchema,
})

/** One case, its bodies still to be made. */
export type PolicyCase = z.output<typeof caseSchema>

export const casesSchema = z.strictObject({
  modes,
  config: name.optional().describe('The config; relative to this file. `--config` goes before it.'),
  guardrails: z
    .record(name, recordedSchema)
    .optional()
    .describe('What guardrails say in every case that says nothing else.'),
  cases: z
    .array(caseSchema)
    .min(1)
    .refine(cases => new Set(cases.map(one => one.name)).size === cases.length, {
      error: 'two cases have the same name',
    }),
})

/** A whole file. */
export type CasesFile = z.output<typeof casesSchema>
