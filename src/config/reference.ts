import { configJsonSchema, type JsonSchema } from './json-schema.ts'
import { secretKeysOf } from './secret-keys.ts'

const INTRO = `# Config reference

The config is one YAML file, named by \`weir serve --config FILE\` and checked by \`weir check FILE\`. Durations are
milliseconds, sizes are bytes. A key that does not stand here is an error. This page is made from the schema by
\`weir schema --format markdown\`; \`weir schema\` prints the JSON Schema for editors.

In the tables \`[]\` stands for each entry of a list, \`<name>\` for a name of your choice.

## Secrets

A secret key takes the value itself or, better, a reference. The value never shows in an error, a log line or
\`/config\`.

| Reference | Value |
|---|---|
| \`$env://NAME\` | The environment variable. |
| \`$secret://file/<path>\` | The file at \`/<path>\`, without the line end after it. |
| \`$secret://vault/<mount>/<path>/<key>\` | Not built yet: loading such a config fails. |

A reference to something empty or missing is an error.

## Addresses

\`host:port\`, \`[ipv6]:port\` or \`unix:///absolute/path\`. Port 0 lets the system choose.
`

const TABLE_HEAD = '| Key | Type | Default | Meaning |\n|---|---|---|---|'

interface Row {
  readonly key: string
  readonly schema: JsonSchema
  readonly required: boolean
  readonly secret?: boolean
}

/** The text of docs/config.md, made from the schema. */
export function renderConfigReference(): string {
  const root = configJsonSchema()
  const properties = root.properties ?? {}
  const { server, guardrails, policies, ...others } = properties
  const sections = [
    section('Top level', rowsOf({ ...root, properties: others }, '')),
    section('`server`', rowsOf(server ?? {}, ''), server?.description),
    section('`policies[]`', rowsOf(policies?.items ?? {}, ''), policies?.description),
    '## `guardrails.<name>`',
    guardrails?.description ?? '',
    ...kindsOf(guardrails).map(kind => subsection(kind)),
  ]
  return `${[INTRO.trim(), ...sections].join('\n\n')}\n`
}

function kindsOf(guardrails: JsonSchema | undefined): readonly JsonSchema[] {
  const { additionalProperties } = guardrails ?? {}
  return typeof additionalProperties === 'object' ? (additionalProperties.oneOf ?? []) : []
}

function section(title: string, rows: readonly Row[], text?: string): string {
  return [`## ${title}`, ...(text === undefined ? [] : [text]), table(rows)].join('\n\n')
}

function subsection(kind: JsonSchema): string {
  const name = String(kind.properties?.kind?.const)
  return [
    `### \`kind: ${name}\``,
    ...(kind.description ? [kind.description] : []),
    table(markSecrets(rowsOf(kind, ''), secretKeysOf(name))),
  ].join('\n\n')
}

function markSecrets(rows: readonly Row[], secretKeys: readonly string[]): readonly Row[] {
  return rows.map(row => ({ ...row, secret: secretKeys.includes(row.key) }))
}

function table(rows: readonly Row[]): string {
  return [TABLE_HEAD, ...rows.map(line)].join('\n')
}

/** Nested mappings and lists of mappings follow their own key, each with its whole path. */
function rowsOf(schema: JsonSchema, prefix: string): readonly Row[] {
  const required = new Set(schema.required)
  return Object.entries(schema.properties ?? {}).flatMap(([name, child]) => {
    const key = `${prefix}${name}`
    const row = { key, schema: child, required: required.has(name) }
    if (child.items?.properties !== undefined) return [row, ...rowsOf(child.items, `${key}[].`)]
    return [row, ...rowsOf(child, `${key}.`)]
  })
}

function line({ key, schema, required, secret }: Row): string {
  const cells = [
    `\`${key}\``,
    secret ? 'secret' : typeOf(schema),
    required ? 'required' : defaultOf(schema),
    schema.description ?? '',
  ]
  return `| ${cells.map(escapeCell).join(' | ')} |`
}

function defaultOf({ default: value, properties }: JsonSchema): string {
  // The defaults of a mapping stand in the rows of its keys.
  return value === undefined || properties !== undefined ? '' : `\`${JSON.stringify(value)}\``
}

function typeOf(schema: JsonSchema): string {
  if (schema.const !== undefined) return code(schema.const)
  if (schema.enum !== undefined) return schema.enum.map(code).join(', ')
  if (schema.anyOf !== undefined) return schema.anyOf.map(typeOf).join(', or ')
  switch (schema.type) {
    case 'array':
      return `list of ${schema.items?.properties === undefined ? typeOf(schema.items ?? {}) : 'mappings'}`
    case 'object':
      return 'mapping'
    case 'integer':
    case 'number':
      return `${schema.type === 'integer' ? 'whole number' : 'number'}${range(schema)}`
    case 'boolean':
      return '`true`, `false`'
    case 'string':
      return 'text'
    default:
      return 'any'
  }
}

function range({ minimum, maximum, exclusiveMinimum }: JsonSchema): string {
  if (exclusiveMinimum !== undefined)
    return `, above ${exclusiveMinimum}${maximum === undefined ? '' : `, up to ${maximum}`}`
  const low = isBound(minimum) ? minimum : undefined
  const high = isBound(maximum) ? maximum : undefined
  if (low !== undefined && high !== undefined) return `, ${low} to ${high}`
  if (low !== undefined) return `, from ${low}`
  return high === undefined ? '' : `, up to ${high}`
}

/** Zod gives every whole number the bounds of a safe integer; they say nothing. */
function isBound(value: number | undefined): boolean {
  return value !== undefined && Math.abs(value) !== Number.MAX_SAFE_INTEGER
}

function code(value: unknown): string {
  return `\`${String(value)}\``
}

function escapeCell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ')
}
