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

/** A folder per member of a family: members share files of the room, never each other's. */
const strangers = family => ({
  name: `${family}-members-do-not-know-each-other`,
  severity: 'error',
  from: { path: `^src/${family}/([^/]+)/` },
  to: { path: `^src/${family}/[^/]+/`, pathNot: `^src/${family}/$1/` },
})

const GUARDRAIL_TYPES = '^src/guardrail/guardrail\\.ts$'
const FORMAT = '^src/llm/format\\.ts$'

module.exports = {
  forbidden: [
    { name: 'no-cycle', severity: 'error', from: {}, to: { circular: true } },
    { name: 'no-orphan-import', severity: 'error', from: {}, to: { couldNotResolve: true } },
    door('policy', GUARDRAIL_TYPES, FORMAT),
    door('llm'),
    door('guardrail', FORMAT),
    door(
      'exchange',
      '^src/llm/(format|detect|json-body|response-shape)\\.ts$',
      room('policy'),
      GUARDRAIL_TYPES,
    ),
    door(
      'extproc',
      room('exchange'),
      GUARDRAIL_TYPES,
      '^src/guardrail/run-scan\\.ts$',
      '^src/policy/policy\\.ts$',
    ),
    door(
      'config',
      '^src/guardrail/(registry|guardrail|http-client)\\.ts$',
      '^src/llm/formats\\.ts$',
      room('policy'),
    ),
    door('coding', '^src/exchange/content-coding\\.ts$'),
    door('telemetry', '^src/exchange/(events|record)\\.ts$', GUARDRAIL_TYPES),
    strangers('llm'),
    strangers('guardrail'),
    only('grpc-stays-in-extproc', 'design', { path: 'node_modules/(@grpc/|grpc-health-check)' }, [
      room('extproc'),
      '^src/server\\.ts$',
    ]),
    only(
      'undici-stays-in-http-client',
      'one place for redirects, caps and TLS',
      { path: 'node_modules/undici/' },
      ['^src/guardrail/http-client\\.ts$'],
    ),
    {
      name: 'pure-rooms-import-no-node-module',
      severity: 'error',
      from: { path: '^src/(exchange|policy|llm)/' },
      to: { dependencyTypes: ['core'] },
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
