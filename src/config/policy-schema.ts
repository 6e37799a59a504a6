import { z } from 'zod'
import { nameSchema } from './name-schema.ts'

/** Node's timers fire at once past this many milliseconds. */
const MAX_MS = 2_147_483_647
/** More than any one body that Weir would hold in memory. */
const MAX_BYTES = 1_073_741_824

const milliseconds = () => z.int().min(1).max(MAX_MS)
const bytes = () => z.int().min(1).max(MAX_BYTES)
const characters = () => z.int().min(0).max(1_000_000)

/** Statuses that clients and proxies retry: a denied request would come back, or go to another model. */
const RETRIED_STATUSES: readonly number[] = [408, 409, 425, 429]

const hostSchema = z
  .string()
  .regex(/^(\*\.)?(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?)(:\d{1,5})?$/, {
    error: 'must be a host name or *.name; to match every host leave `hosts` out',
  })

const pathSchema = z
  .string()
  .regex(/^\/[^?#]*$/, { error: 'must start with / and hold no query' })
  .refine(path => !/\/\/|\/\.{1,2}(\/|$)/.test(path), {
    error: 'can never match: doubled slashes and dot segments are removed from a path before it is compared',
  })

const matchSchema = z.strictObject({
  hosts: z
    .array(hostSchema)
    .min(1)
    .optional()
    .describe('Exact host names, or `*.name` for every name below it; the port is ignored.'),
  paths: z
    .array(pathSchema)
    .min(1)
    .optional()
    .describe('Prefixes of the normalised path (percent-decoded once, no dot segments, no doubled slashes).'),
  routes: z
    .array(z.string().min(1))
    .min(1)
    .optional()
    .describe(
      "Names of Envoy's routes. Envoy tells them where its filter has `request_attributes: [xds.route_name]`; where it does not, no name ever fits.",
    ),
})

const modeSchema = z.enum(['pre_call', 'post_call', 'during_call'])

const redactSchema = z.strictObject({
  style: z
    .enum(['replace', 'mask', 'hash'])
    .default('replace')
    .describe(
      '`replace` by a placeholder such as `<EMAIL>`, `mask` by asterisks, or by a placeholder with a keyed `hash`, which is the same for the same text.',
    ),
  restore: z
    .boolean()
    .default(false)
    .describe(
      "Put the originals back into the model's answer, after the answer was judged. Placeholders are numbered then, as in `<EMAIL_1>`; what they stand for is kept for the exchange only.",
    ),
  hash_key: z
    .string()
    .min(1)
    .optional()
    .describe(
      'Secret key of `style: hash`: with the same key every replica gives the same hash. Without one a key is made at every start.',
    ),
})

const useSchema = z.strictObject({
  use: z.string().min(1).describe('Name of a guardrail under `guardrails`.'),
  direction: z
    .enum(['input', 'output', 'both'])
    .optional()
    .meta({ default: 'input' })
    .describe('Short form of `mode`: requests, responses, or both.'),
  mode: z
    .union([modeSchema, z.array(modeSchema).min(1)], {
      error: 'must be pre_call, post_call or during_call, or a list of these',
    })
    .optional()
    .describe(
      '`pre_call`: the request, before the upstream sees it. `post_call`: the response. `during_call`: the request goes on at once and is judged meanwhile, and its response waits for that verdict; the response is judged as well, unless `direction: input`.',
    ),
  action: z
    .enum(['block', 'redact', 'alert'])
    .default('block')
    .describe('What a flagged verdict leads to. `alert` only logs, and never forgives a failure.'),
  fail_open: z
    .boolean()
    .default(false)
    .describe(
      'Whether traffic passes when the guardrail fails: error, timeout, over a limit, undecodable body.',
    ),
  scan: z
    .enum(['conversation', 'latest_turn'])
    .default('conversation')
    .describe(
      'How much of a request is judged: all of it, or what was said since the last answer of the model (`latest_turn`), so that a message that was flagged once does not block the conversation for ever. What stands before that is trusted then.',
    ),
  roles: z
    .array(z.enum(['system', 'developer', 'user', 'assistant', 'tool']))
    .min(1)
    .optional()
    .describe(
      'Judge only messages of these roles in a request; all of them when left out. A role that the API does not have counts as `user`.',
    ),
  redact: redactSchema.prefault({}).describe('How `action: redact` replaces text.'),
  output_context: z
    .enum(['none', 'conversation'])
    .default('none')
    .describe(
      'What a guard service that judges a response sees of the request: nothing, or all of it, as it came. Old turns that it flags then flag every answer. `conversation` has every request read before it goes on; one that cannot be read is a failure of this guardrail.',
    ),
})

const windowSchema = z.strictObject({
  first_chars: z.int().min(1).max(1_000_000).default(80).describe('Characters of the first window.'),
  growth: z
    .number()
    .min(1)
    .max(100)
    .default(2)
    .describe('How much larger each window is than the one before.'),
  max_chars: z.int().min(1).max(1_000_000).default(2000).describe('Characters of the largest window.'),
  context_chars: characters().default(500).describe('Released characters that each scan sees again.'),
  max_held_ms: milliseconds()
    .default(1000)
    .describe('Milliseconds after which a window is scanned as it is.'),
})

const streamSchema = z.strictObject({
  delivery: z
    .enum(['window', 'withhold'])
    .default('withhold')
    .describe(
      '`withhold` an event stream until all of it is scanned, or release it `window` by window as it is scanned. A stream that nothing could deny or redact is always delivered live.',
    ),
  heartbeat_ms: milliseconds()
    .default(5000)
    .describe('Milliseconds without a byte to the client after which a heartbeat is due.'),
  max_held_bytes: bytes().default(1_048_576).describe('Most bytes of one event stream that are held.'),
  max_duration_ms: milliseconds().default(600_000).describe('Longest life of one exchange, in milliseconds.'),
  headers: z
    .enum(['at_once', 'on_first_release'])
    .optional()
    .describe(
      'When the response headers of a held event stream go out; left out: `at_once` with `withhold`, `on_first_release` with `window`. While they are held, a denial is a whole answer with its own status; once they are out, it ends the stream.',
    ),
  on_held_limit: z
    .enum(['window', 'deny'])
    .default('window')
    .describe(
      'What follows past `max_held_bytes` of a withheld stream: scan what is held and go on by windows, or deny.',
    ),
  hold_back_chars: characters()
    .default(64)
    .describe(
      'Newest characters that a scan by windows keeps unreleased, since a finding may still grow into them. A finding that is longer may be partly out.',
    ),
  window: windowSchema
    .prefault({})
    .describe(
      'Sizes of the windows by which remote guardrails, and `regex`, scan a stream; other local ones scan it as it grows.',
    ),
})

const limitsSchema = z.strictObject({
  max_request_bytes: bytes().default(10_485_760).describe('Largest request body that is scanned.'),
  max_response_bytes: bytes().default(33_554_432).describe('Largest JSON response body that is scanned.'),
})

/** One entry of `policies`. */
export const policySchema = z.strictObject({
  name: nameSchema.describe(
    'Unique; the gRPC metadata `x-weir-policy` chooses a policy by it, before any `match`.',
  ),
  match: matchSchema.optional().describe('Which exchanges it takes: keys AND, values OR. Without it, all.'),
  guardrails: z.array(useSchema).default([]).describe('Rules, in order.'),
  stream: streamSchema.prefault({}).describe('How an event stream reaches the client.'),
  limits: limitsSchema
    .prefault({})
    .describe('Sizes past which a body is a failure of every rule of its side.'),
  fail_mode: z
    .enum(['skip', 'warn', 'error'])
    .default('skip')
    .describe('What traffic gets that no format can inspect: pass, pass with a warning, or status 500.'),
  deny_code: z
    .int()
    .refine(
      status => status === 200 || (status >= 400 && status <= 499 && !RETRIED_STATUSES.includes(status)),
      {
        error: `must be 200, or 400 to 499 except ${RETRIED_STATUSES.join(', ')}: clients retry those`,
      },
    )
    .default(200)
    .describe('Status of a refusal: 200, or 400 to 499 except 408, 409, 425 and 429.'),
  request_failure_message: z
    .string()
    .min(1)
    .default('Request blocked by policy')
    .describe('What the user reads when a request is denied.'),
  response_failure_message: z
    .string()
    .min(1)
    .default('Response blocked by policy')
    .describe('What the user reads when a response is denied.'),
  reveal_failure_categories: z
    .boolean()
    .default(false)
    .describe('Name the detectors that flagged, in the refusal and in `x-weir-detectors`.'),
  finish_reason: z
    .enum(['auto', 'content_filter', 'stop'])
    .default('auto')
    .describe('Finish reason of a refusal; `auto` takes what the official SDKs parse.'),
  uninspectable: z
    .enum(['pass', 'deny'])
    .default('pass')
    .describe('What a body gets that has text beside parts that no guardrail can read, such as images.'),
  canonicalize: z
    .boolean()
    .default(false)
    .describe(
      'Send the upstream a JSON request as it was read here, written anew, so that both read the same. It then waits for its whole body, and numbers of more than 15 digits lose precision.',
    ),
  deny_format: z
    .enum(['provider', 'guardrail_violation'])
    .default('provider')
    .describe(
      "Refuse in the provider's own form, or by 403 and an error of type `guardrail_violation`, whatever `deny_code` says. Once headers are out the refusal is always the provider's.",
    ),
})

/** One policy whose every value is present and in range. */
export type PolicyConfig = z.output<typeof policySchema>
/** One use of a guardrail in a policy. */
export type UseConfig = PolicyConfig['guardrails'][number]
