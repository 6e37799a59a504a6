/** The doors between the rooms of src/ (docs/architecture.md): who may import whom, type imports included. */

const room = name => `^src/${name}/`
/** A room may import itself, `errors.ts`, and what is listed. */
const door = (from, ...to) => ({
  name: `${from}-opens-only-its-doors`,
  severity: 'error',
  from: { path: room(from) },
  to: { path: '^src/', pathNot: [room(from), '^src/errors\\.ts$', ...to] },
})
const only = (name, comment, to, from) => ({
  name,
  comment,
  severity: 'error',
  from: { path: '^src/', pathNot: from },
  to,
})

/** A folder per member of a family: members share files of the room, and what is `shared`, never each other's. */
const strangers = (family, ...shared) => ({
  name: `${family}-members-do-not-know-each-other`,
  severity: 'error',
  from: { path: `^src/${family}/([^/]+)/` },
  to: { path: `^src/${family}/[^/]+/`, pathNot: [`^src/${family}/$1/`, ...shared] },
})

const GUARDRAIL_TYPES = '^src/guardrail/guardrail\\.ts$'
const FORMAT = '^src/llm/format\\.ts$'

module.exports = {
  forbidden: [
    { name: 'no-cycle', severity: 'error', from: {}, to: { circular: true } },
    { name: 'no-orphan-import', severity: 'error', from: {}, to: { couldNotResolve: true } },
    door('policy', GUARDRAIL_TYPES, FORMAT),
    door('llm'),
    door(
      'guardrail',
      FORMAT,
      '^src/service/(http-client|service-config|ask-service|address-class)\\.ts$',
      '^src/aws/(config|bedrock-runtime)\\.ts$',
    ),
    door('service', '^src/guardrail/(guardrail|run-scan)\\.ts$'),
    door(
      'aws',
      GUARDRAIL_TYPES,
      '^src/service/(http-client|http-failure|service-config|single-flight)\\.ts$',
    ),
    door(
      'exchange',
      '^src/llm/(format|detect|json-body|json-scan|response-shape|without-texts)\\.ts$',
      room('policy'),
      GUARDRAIL_TYPES,
    ),
    door(
      'extproc',
      room('exchange'),
      '^src/grpc/(rpc|server|tls)\\.ts$',
      GUARDRAIL_TYPES,
      '^src/guardrail/run-(scan|stage)\\.ts$',
      '^src/policy/(policy|decide)\\.ts$',
    ),
    door('grpc'),
    door('workers', '^src/config/address\\.ts$'),
    door(
      'config',
      '^src/guardrail/(registry|guardrail|kind-guide)\\.ts$',
      '^src/service/(ask-service|egress)\\.ts$',
      '^src/llm/formats\\.ts$',
      '^src/verdict-cache/(cached|redis-store|verdict-caches)\\.ts$',
      room('policy'),
    ),
    door(
      'verdict-cache',
      '^src/guardrail/(guardrail|run-scan)\\.ts$',
      '^src/service/(single-flight|egress)\\.ts$',
      FORMAT,
    ),
    door(
      'rehearsal',
      room('exchange'),
      room('policy'),
      GUARDRAIL_TYPES,
      FORMAT,
      '^src/guardrail/run-stage\\.ts$',
      '^src/llm/(detect|response-shape)\\.ts$',
      '^src/config/(problems|yaml)\\.ts$',
    ),
    door(
      'reading',
      '^src/exchange/body-reading\\.ts$',
      '^src/coding/codings\\.ts$',
      '^src/llm/formats?\\.ts$',
      GUARDRAIL_TYPES,
    ),
    door(
      'console',
      '^src/telemetry/(admin|callers|decision-log|log|metrics|page)\\.ts$',
      '^src/exchange/(events|judge|local-reply|record)\\.ts$',
      '^src/rehearsal/scan-body\\.ts$',
      '^src/policy/(decide|policy|redact|redaction|select)\\.ts$',
      '^src/llm/(detect|format)\\.ts$',
      GUARDRAIL_TYPES,
    ),
    door('coding', '^src/exchange/content-coding\\.ts$'),
    door(
      'telemetry',
      '^src/exchange/(events|record)\\.ts$',
      GUARDRAIL_TYPES,
      '^src/service/service-events\\.ts$',
    ),
    strangers('llm'),
    strangers('guardrail', '^src/guardrail/text/'),
    door('guardrail/text'),
    only('grpc-js-stays-in-its-engine', 'design', { path: 'node_modules/(@grpc/|grpc-health-check)' }, [
      '^src/grpc/grpc-js-engine\\.ts$',
    ]),
    only(
      'undici-stays-in-http-client',
      'one place for redirects, caps and TLS',
      { path: 'node_modules/undici/' },
      ['^src/service/http-client\\.ts$'],
    ),
    only(
      'aws-libraries-stay-in-aws',
      'loaded when credentials or a signature are first needed, and not before',
      { path: 'node_modules/(@aws-sdk/|@smithy/)' },
      ['^src/aws/(sdk-keys|signature)\\.ts$'],
    ),
    only(
      'cache-libraries-stay-in-verdict-cache',
      'one place for what is remembered, how long and under which key',
      { path: 'node_modules/(@redis/|lru-cache/)' },
      [room('verdict-cache')],
    ),
    only(
      'opentelemetry-stays-in-its-folder',
      'loaded when something is exported, and not before',
      { path: 'node_modules/@opentelemetry/' },
      [room('telemetry/otel')],
    ),
    {
      name: 'export-is-loaded-late',
      comment: 'by the one dynamic import of cli/exporting.ts; others may name its types',
      severity: 'error',
      from: { path: '^src/', pathNot: room('telemetry/otel') },
      to: { path: room('telemetry/otel'), dependencyTypesNot: ['dynamic-import', 'type-only'] },
    },
    {
      name: 'pure-rooms-import-no-node-module',
      severity: 'error',
      from: { path: '^src/(exchange|policy|llm)/' },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'src-runs-without-what-only-a-checkout-has',
      comment: 'the image is made with --omit=dev',
      severity: 'error',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'src-does-not-import-tests',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(test|scripts)/' },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'] },
  },
}
