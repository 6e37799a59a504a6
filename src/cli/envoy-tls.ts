import { X509Certificate } from 'node:crypto'
import { isMap, isScalar, isSeq, parseDocument } from 'yaml'
import { readConfigFile, readTlsFile } from '../config/files.ts'
import { badConfig } from '../config/load.ts'
import { configSchema, type TlsConfig } from '../config/schema.ts'
import { parseYaml } from '../config/yaml.ts'
import { WeirError } from '../errors.ts'
import { type BorneName, readNames } from '../grpc/peer-names.ts'

/** Where Envoy finds its side of the TLS, unless options say otherwise. */
export const TLS_FILES = {
  ca: '/etc/envoy/weir-ca.pem',
  cert: '/etc/envoy/weir-client.pem',
  key: '/etc/envoy/weir-client.key',
} as const

/** What Envoy needs to know for TLS to Weir. */
export interface TlsPeer {
  readonly ca: string
  /** The name that Weir's certificate must bear; undefined where the certificate could not be read here. */
  readonly name: BorneName | undefined
  /** What Envoy shows, where Weir asks for it. */
  readonly client: { readonly cert: string; readonly key: string } | undefined
}

/**
 * What the options of `weir envoy` say of TLS; undefined without a config, and for one that serves plain text.
 *
 * @throws WeirError `bad-config` when the config cannot be read
 */
export function readTlsPeer(options: Readonly<Record<string, string | undefined>>): TlsPeer | undefined {
  const tls = options.config === undefined ? undefined : serverTlsOf(options.config)
  if (tls === undefined) return undefined
  return {
    ca: options['weir-ca'] ?? TLS_FILES.ca,
    name: nameOf(tls),
    client:
      tls.client_ca === undefined
        ? undefined
        : { cert: options['client-cert'] ?? TLS_FILES.cert, key: options['client-key'] ?? TLS_FILES.key },
  }
}

/** Only this part is read: the rest may refer to secrets that are not here. */
function serverTlsOf(file: string): TlsConfig | undefined {
  const raw = parseYaml(readConfigFile(file))
  const server: unknown = typeof raw === 'object' && raw !== null && 'server' in raw ? raw.server : {}
  const parsed = configSchema.shape.server.safeParse(server ?? {})
  if (!parsed.success)
    throw badConfig([{ path: 'server', message: 'does not hold: `weir check` lists what is wrong' }])
  return parsed.data.tls
}

function nameOf(tls: TlsConfig): BorneName | undefined {
  try {
    const names = readNames(new X509Certificate(readTlsFile(tls.cert)).subjectAltName)
    return names.find(({ type }) => type === 'DNS') ?? names.find(({ type }) => type === 'URI')
  } catch {
    return undefined
  }
}

/** The bootstrap with TLS to Weir. Every other byte stays. */
export function withTls(text: string, peer: TlsPeer | undefined): string {
  if (peer === undefined) return text
  const at = lineOfKey(text, 'typed_extension_protocol_options')
  return `${text.slice(0, at)}${transportSocket(peer)}${text.slice(at)}`
}

/** Where the line of a key of Weir's cluster begins. */
function lineOfKey(text: string, name: string): number {
  const clusters = parseDocument(text).getIn(['static_resources', 'clusters'])
  const entries = isSeq(clusters) ? clusters.items : []
  const weir = entries.find(entry => isMap(entry) && entry.get('name') === 'weir')
  const keys = isMap(weir) ? weir.items.map(({ key }) => key) : []
  const key = keys.find(one => isScalar(one) && one.value === name)
  const range = isScalar(key) ? key.range : undefined
  if (!range) throw new WeirError('bug', `the bootstrap's cluster for Weir has no ${name}`)
  return text.lastIndexOf('\n', range[0]) + 1
}

const INDENT = ' '.repeat(6)

function transportSocket({ ca, name, client }: TlsPeer): string {
  const quoted = (file: string): string => JSON.stringify(file)
  const lines = [
    'transport_socket:',
    '  name: envoy.transport_sockets.tls',
    '  typed_config:',
    "    '@type': type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
    ...(name?.type === 'DNS' ? [`    sni: ${quoted(name.value)}`] : []),
    '    common_tls_context:',
    '      alpn_protocols: [h2]',
    '      tls_params: { tls_minimum_protocol_version: TLSv1_2 }',
    ...(client === undefined ? [] : clientLines(quoted(client.cert), quoted(client.key))),
    '      validation_context:',
    `        trusted_ca: { filename: ${quoted(ca)} }`,
    ...(name === undefined
      ? [
          '        # Whatever this CA signs is taken for Weir: name its certificate here.',
          '        # match_typed_subject_alt_names:',
        ]
      : ['        match_typed_subject_alt_names:']),
    `        ${name === undefined ? '# ' : ''}  - { san_type: ${name?.type ?? 'DNS'}, matcher: { exact: ${quoted(name?.value ?? 'weir')} } }`,
  ]
  return lines.map(line => `${INDENT}${line}\n`).join('')
}

function clientLines(cert: string, key: string): string[] {
  return [
    '      tls_certificates:',
    `        - certificate_chain: { filename: ${cert} }`,
    `          private_key: { filename: ${key} }`,
  ]
}
