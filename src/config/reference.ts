import { configJsonSchema, type JsonSchema } from './json-schema.ts'
import { kindSchemas, ownTable, serviceTable } from './kind-tables.ts'
import { markSecrets, type Row, rowsOf, table } from './schema-table.ts'
import { CACHE_SECRETS, OTLP_SECRETS, REDACT_SECRETS } from './secret-keys.ts'

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
| \`$secret://vault/<mount>/<path>/<key>\` | The key of a secret in Vault or OpenBao (KV version 2). The mount is one segment. |

A reference to something empty or missing is an error.

## Change

\`weir serve\` looks every \`WEIR_SECRET_POLL_MS\` (5000 when left out) whether the config, a secret's file or a list's
file has changed, through links as Kubernetes turns them, and asks Vault again every \`VAULT_REFRESH_MS\`. SIGHUP has all
of it read at once. What has changed is compiled as a whole: exchanges that begin after that run on the new config,
those under way keep theirs, and nothing is restarted. Where the new one does not hold, or a secret is missing, the one
in use stays; the log says what is wrong, and \`weir_renewals_total{what="config",result="failed"}\` counts it.

Of \`server\` a change takes effect at the next start, as does room for larger bodies in BUFFERED; the log says that too.

## Vault

Vault is asked with these environment variables:

| Variable | Meaning |
|---|---|
| \`VAULT_ADDR\` | Its URL. \`https\`, unless its address is loopback or private, or \`VAULT_ALLOW_PLAINTEXT=true\`. |
| \`VAULT_TOKEN\`, \`VAULT_TOKEN_FILE\` | The token, or the path of a file with it. |
| \`VAULT_K8S_ROLE\` | Without a token: the role to log in as by Kubernetes auth. |
| \`VAULT_K8S_MOUNT\` | Where Kubernetes auth is mounted; \`kubernetes\` when left out. |
| \`VAULT_K8S_TOKEN_FILE\` | The service account's token; \`/var/run/secrets/kubernetes.io/serviceaccount/token\` when left out. |
| \`VAULT_NAMESPACE\` | The namespace. |
| \`VAULT_CACERT\` | Path of the CA to trust instead of the system's, PEM. |
| \`VAULT_REFRESH_MS\` | Milliseconds after which it is asked again; 300000 when left out. |

## Addresses

\`host:port\`, \`[ipv6]:port\` or \`unix:///absolute/path\`. Port 0 lets the system choose.
`

/** The text of docs/en/config.md, made from the schema. */
export function renderConfigReference(): string {
  const root = configJsonSchema()
  const properties = root.properties ?? {}
  const { server, guardrails, policies, ...others } = properties
  const sections = [
    section(
      'Top level',
      markSecrets(
        rowsOf({ ...root, properties: others }, ''),
        CACHE_SECRETS.map(pattern => `cache.${pattern}`),
      ),
    ),
    section(
      '`server`',
      markSecrets(
        rowsOf(server ?? {}, ''),
        OTLP_SECRETS.map(pattern => `telemetry.otlp.${pattern}`),
      ),
      server?.description,
    ),
    section(
      '`policies[]`',
      markSecrets(
        rowsOf(policies?.items ?? {}, ''),
        REDACT_SECRETS.map(pattern => `guardrails[].redact.${pattern}`),
      ),
      policies?.description,
    ),
    '## `guardrails.<name>`',
    guardrails?.description ?? '',
    '[guardrails.md](guardrails.md) says what each kind does, with an example.',
    '### Every kind with a service',
    serviceTable(),
    ...kindSchemas().map(subsection),
  ]
  return `${[INTRO.trim(), ...sections].join('\n\n')}\n`
}

function section(title: string, rows: readonly Row[], text?: string): string {
  return [`## ${title}`, ...(text === undefined ? [] : [text]), table(rows)].join('\n\n')
}

function subsection([name, schema]: readonly [string, JsonSchema]): string {
  return [
    `### \`kind: ${name}\``,
    ...(schema.description ? [schema.description] : []),
    ownTable(name, schema),
  ].join('\n\n')
}
