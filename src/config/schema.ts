import { z } from 'zod'
import { guardrailConfigSchema } from '../guardrail/registry.ts'
import { FORMAT_NAMES } from '../llm/formats.ts'
import { ADDRESS_FORM, parseListenAddress } from './address.ts'
import { cacheSchema } from './cache-schema.ts'
import { nameSchema } from './name-schema.ts'
import { policySchema } from './policy-schema.ts'
import { telemetrySchema } from './telemetry-schema.ts'

const listenSchema = z
  .string({ error: `must be ${ADDRESS_FORM}` })
  .refine(text => parseListenAddress(text) !== undefined, { error: `must be ${ADDRESS_FORM}` })

/** One that is longer would ring at once. */
const MAX_TIMER_MS = 2_147_483_647

const tlsSchema = z.strictObject({
  cert: z.string().min(1).describe('Path of the certificate chain, PEM.'),
  key: z.string().min(1).describe('Path of the private key, PEM.'),
  client_ca: z
    .string()
    .min(1)
    .optional()
    .describe(
      'Path of the CAs that client certificates must be signed by, PEM. Without it no certificate is asked for.',
    ),
  client_sans: z
    .array(z.string().min(1))
    .min(1)
    .optional()
    .describe(
      'Names of which a client certificate must bear one (subject alternative names), compared as a whole: DNS names, URIs (SPIFFE IDs) or e-mail addresses. Needs `client_ca`.',
    ),
})

const decisionFileSchema = z.strictObject({
  file: z
    .string()
    .min(1)
    .describe(
      'Path of the file. Its folder is made where there is none. With `workers` above 1 each writes its own: `decisions-worker-0.log` and so on for `decisions.log`.',
    ),
  rotate_bytes: z
    .int()
    .min(4096)
    .default(104_857_600)
    .describe('The file is rotated when it has so many bytes: to `file.1`, and what is there to `file.2` …'),
  rotate_ms: z
    .int()
    .min(60_000)
    .optional()
    .describe(
      'And with the first record after each multiple of so many milliseconds of Unix time: 86400000 is midnight UTC.',
    ),
  keep: z.int().min(1).max(1000).default(5).describe('Rotated files that stay; older ones are removed.'),
  compress: z.boolean().default(false).describe('Rotated files are compressed by gzip: `file.1.gz`.'),
  mode: z
    .string()
    .regex(/^0?[0-7]{3}$/, { error: 'must be three octal digits, in quotes, such as "0640"' })
    .default('0640')
    .describe('Rights of new files, as in `chmod`, less what the umask takes.'),
})

const logSchema = z.strictObject({
  level: z
    .enum(['debug', 'info', 'warn', 'error'])
    .default('info')
    .describe('The least severe line that is written.'),
  sample_clean: z
    .number()
    .min(0)
    .max(1)
    .default(1)
    .describe(
      'The share of exchanges, 0 to 1, whose clean decisions are written. All others always are, and metrics count every one.',
    ),
  decisions: decisionFileSchema
    .optional()
    .describe(
      'Decision records go to a file of their own, and no more to stdout; all other lines stay there.',
    ),
})

const consoleSchema = z.strictObject({
  access: z
    .enum(['none', 'read_only', 'full'])
    .default('none')
    .describe(
      '`read_only`: the page at `/console/` and the feed `/decisions` on the admin listener; `full`: the bench as well, which runs guardrails, paid ones too, on what is pasted. The admin listener has no login: whoever reaches it sees this.',
    ),
  hosts: z
    .array(z.string().regex(/^[a-z0-9.-]+$/, { error: 'must be a host name in lower case, without port' }))
    .default([])
    .describe(
      'Host names by which the console and `/config` may be asked, beside IP addresses and localhost: any other could be one that a foreign page has led here.',
    ),
})

const serverSchema = z.strictObject({
  listen: listenSchema
    .default('0.0.0.0:9002')
    .describe(`Address of the gRPC listener for Envoy: ${ADDRESS_FORM}.`),
  admin: listenSchema
    .default('127.0.0.1:9090')
    .describe(`Address of the admin listener (health, metrics, masked config): ${ADDRESS_FORM}.`),
  workers: z
    .int()
    .min(1)
    .max(256)
    .default(1)
    .describe(
      "Processes that serve, each at an address of its own: the first at `listen`, each other one port higher, or at the socket with its number behind the path (`weir envoy --workers N` prints the cluster). Caches, circuit breakers and queues are each one's own.",
    ),
  tls: tlsSchema
    .optional()
    .describe(
      'Serve gRPC over TLS 1.2 or newer. The files are read again when they change; connections that there are stay.',
    ),
  socket_mode: z
    .string()
    .regex(/^0?[0-7]{3}$/, { error: 'must be three octal digits, in quotes, such as "0660"' })
    .default('0660')
    .describe(
      'Rights of the Unix socket, as in `chmod`, where `listen` is one. Whoever may write to it may connect.',
    ),
  max_exchanges: z
    .int()
    .min(1)
    .optional()
    .describe(
      'Most exchanges open at once, of each worker: one more is refused, and so by Envoy, before anything of it is read. Unlimited when left out.',
    ),
  max_bytes: z
    .int()
    .min(1)
    .optional()
    .describe(
      'Most body bytes in memory at once for all exchanges of a worker together: gathered, held back, copied, decoded or waiting in the transport. Above 80 % of it, exchanges whose verdict is on its way wait with what follows. What finds no room is a failure `over-budget` of the rules that look at it: `fail_open` decides, and a request gets 503. A quarter of the memory that the process may have when left out, shared by the workers.',
    ),
  drain_ms: z
    .int()
    .min(0)
    .max(MAX_TIMER_MS)
    .default(25_000)
    .describe(
      'Milliseconds that running exchanges have to end after SIGTERM; what is left is cut then. When all have ended, so does Weir, however early. Keep it below the grace period of the pod: 25 s fit the 30 s that Kubernetes gives when nothing is said, with 3 s for the last spans and metrics where they are exported.',
    ),
  log: logSchema.prefault({}).describe('What is logged.'),
  telemetry: telemetrySchema
    .prefault({})
    .describe('Traces and metrics by OTLP. Off unless an endpoint is named, here or by a variable.'),
  console: consoleSchema
    .prefault({})
    .describe('A page that shows what Weir does. [console.md](console.md) has more.'),
})

const formatPathSchema = z.strictObject({
  path: z
    .string()
    .regex(/^\/[^?#]*$/, { error: 'must start with / and hold no query' })
    .describe('Prefix of the normalised path.'),
  format: z.enum(FORMAT_NAMES).describe('The API that is spoken there.'),
})

/**
 * The config file, as it is written. Strict: a key that Weir does not know is a problem, never ignored. Its types
 * are the one source of docs/en/config.md and of the JSON Schema. What spans several keys stands in cross-checks.ts.
 */
export const configSchema = z.strictObject({
  server: serverSchema
    .prefault({})
    .describe(
      'Listeners and limits of the process. Read at start only, but for the files of `tls` and the secrets in `telemetry.otlp.headers`.',
    ),
  guardrails: z
    .record(nameSchema, guardrailConfigSchema)
    .default({})
    .describe('Guardrails by the name that policies use.'),
  policies: z
    .array(policySchema)
    .describe(
      'Tried in order, the first that matches takes the exchange; one without `match` takes everything.',
    ),
  unmatched: z
    .enum(['pass', 'deny'])
    .default('pass')
    .describe('What traffic gets that no policy takes. It is always counted.'),
  formats: z
    .array(formatPathSchema)
    .default([])
    .describe("Paths of your own, for base paths and gateways' prefixes; they go before those of the APIs."),
  cache: cacheSchema
    .optional()
    .describe(
      'Remembers verdicts of guard services, so that the same text is not paid for twice. Never text. A verdict belongs to the whole config of its guardrail, its secrets included: with another `api_key` or header, rotated ones too, the service is asked anew.',
    ),
})

/** A config whose every value is present and in range. */
export type Config = z.output<typeof configSchema>
export type ServerConfig = Config['server']
export type TlsConfig = NonNullable<ServerConfig['tls']>
