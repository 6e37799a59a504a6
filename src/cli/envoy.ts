import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { type Document, isMap, isNode, isSeq, parseDocument } from 'yaml'
import { formatListenAddress, type ListenAddress, parseListenAddress } from '../config/address.ts'
import { WeirError } from '../errors.ts'
import { workerAddress } from '../workers/worker-address.ts'
import { oneOf, readArguments, usage } from './arguments.ts'
import { type Command, EXIT_CODES } from './command.ts'
import { readTlsPeer, TLS_FILES, withTls } from './envoy-tls.ts'

const MODES = ['full-duplex', 'streamed', 'buffered'] as const

/** Addresses as the bootstraps under envoy/ have them, in their comments too. */
const SHIPPED = { listen: '127.0.0.1:10000', weir: '127.0.0.1:9002', upstream: '127.0.0.1:8000' } as const

/** As many as `server.workers` takes. */
const MAX_WORKERS = 256

type Addresses = Readonly<Partial<Record<keyof typeof SHIPPED, ListenAddress>>>

/** `weir envoy`: a complete Envoy bootstrap on stdout. */
export const envoy: Command = {
  name: 'envoy',
  summary: 'print a complete Envoy bootstrap',
  help: `Usage: weir envoy --mode full-duplex|streamed|buffered [options]

Prints a bootstrap for \`envoy -c FILE\`, with the addresses given.

Options:
  --mode MODE           how Envoy hands bodies to Weir; full-duplex is the one to choose (Envoy 1.39 or newer)
  --listen PORT         where clients connect, PORT or HOST:PORT (default ${SHIPPED.listen})
  --weir ADDRESS        where Weir listens, HOST:PORT or unix:///path (default ${SHIPPED.weir})
  --workers N           server.workers of Weir, each an endpoint of its own from --weir on (default 1)
  --upstream HOST:PORT  where the LLM listens, plain HTTP (default ${SHIPPED.upstream})
  --config FILE         Weir's config: where it has server.tls, Envoy is told to speak TLS to it
  --weir-ca FILE        the CA of Weir's certificate, as Envoy finds it (default ${TLS_FILES.ca})
  --client-cert FILE    the certificate that Envoy shows to Weir (default ${TLS_FILES.cert})
  --client-key FILE     its key (default ${TLS_FILES.key})
${EXIT_CODES}`,
  async run(args, io) {
    const { options } = readArguments(args, {
      options: [
        'mode',
        'listen',
        'weir',
        'workers',
        'upstream',
        'config',
        'weir-ca',
        'client-cert',
        'client-key',
      ],
      fewest: 0,
      most: 0,
    })
    if (options.mode === undefined) throw usage(`--mode is missing: one of ${MODES.join(', ')}`)
    const mode = oneOf('mode', options.mode, MODES)
    const addresses = readAddresses(options)
    const file = new URL(`../../envoy/${mode}.yaml`, import.meta.url)
    const workers = readWorkers(options.workers)
    const plain = withAddresses(readFileSync(file, 'utf8'), addresses, workers)
    io.stdout(withTls(plain, readTlsPeer(options)))
    return 0
  },
}

function readAddresses(options: Readonly<Record<string, string | undefined>>): Addresses {
  const { listen, weir, upstream } = options
  const fullListen = listen !== undefined && /^\d+$/.test(listen) ? `127.0.0.1:${listen}` : listen
  return {
    ...(fullListen === undefined ? {} : { listen: address('listen', fullListen, 'PORT or HOST:PORT') }),
    ...(weir === undefined ? {} : { weir: address('weir', weir, 'HOST:PORT or unix:///path') }),
    ...(upstream === undefined ? {} : { upstream: address('upstream', upstream, 'HOST:PORT') }),
  }
}

function readWorkers(text: string | undefined): number {
  const workers = text === undefined ? 1 : /^\d{1,3}$/.test(text) ? Number(text) : 0
  if (workers < 1 || workers > MAX_WORKERS) throw usage(`--workers must be 1 to ${MAX_WORKERS}`)
  return workers
}

function address(option: string, text: string, form: string): ListenAddress {
  const parsed = parseListenAddress(text)
  if (parsed === undefined || (parsed.kind === 'unix' && option !== 'weir'))
    throw usage(`--${option} must be ${form}`)
  return parsed
}

/** A stretch of the bootstrap's text and what stands there instead. */
interface Edit {
  readonly start: number
  readonly end: number
  readonly text: string
}

/** The bootstrap with other addresses, in its comments too. Every other byte stays as shipped. */
function withAddresses(text: string, { listen, weir, upstream }: Addresses, workers: number): string {
  const document = parseDocument(text)
  const edits = [
    ...(listen === undefined ? [] : [addressEdit(document, ['static_resources', 'listeners', 0], listen)]),
    ...(weir === undefined ? [] : [typeEdit(document, 'weir', weir)]),
    ...weirEdits(document, weir, workers),
    ...(upstream === undefined
      ? []
      : [typeEdit(document, 'llm', upstream), addressEdit(document, endpointOf(document, 'llm'), upstream)]),
  ]
  // From the end, so that the places of the others stay right.
  const edited = edits.sort((a, b) => b.start - a.start).reduce((rest, edit) => splice(rest, edit), text)
  const shipped = [
    [SHIPPED.listen, listen],
    [SHIPPED.weir, weir],
    [SHIPPED.upstream, upstream],
  ] as const
  return shipped.reduce(
    (rest, [was, now]) => (now === undefined ? rest : rest.replaceAll(was, formatListenAddress(now))),
    edited,
  )
}

function splice(text: string, { start, end, text: replacement }: Edit): string {
  // A block mapping's place reaches to the next key: the line end and indentation before that stay.
  const length = text.slice(start, end).trimEnd().length
  return text.slice(0, start) + replacement + text.slice(start + length)
}

/** Where Weir listens; of several workers each is an endpoint, and one that is being restarted is not asked. */
function weirEdits(document: Document, given: ListenAddress | undefined, workers: number): Edit[] {
  if (workers === 1)
    return given === undefined ? [] : [addressEdit(document, endpointOf(document, 'weir'), given)]
  const first = given ?? parseListenAddress(SHIPPED.weir)
  if (first === undefined) throw new WeirError('bug', 'a shipped address that does not parse')
  const cluster = clusterOf(document, 'weir')
  const endpoints = Array.from(
    { length: workers },
    (_, index) => `- endpoint: { address: { ${addressText(workerAddress(first, index))} } }`,
  )
  return [
    { ...placeOf(document, [...cluster, 'lb_policy']), text: `LEAST_REQUEST\n${HEALTH_CHECKS}` },
    {
      ...placeOf(document, [...cluster, 'load_assignment', 'endpoints', 0, 'lb_endpoints']),
      text: endpoints.join('\n              '),
    },
  ]
}

const HEALTH_CHECKS = `      health_checks:
        - timeout: 1s
          interval: 1s
          unhealthy_threshold: 2
          healthy_threshold: 1
          grpc_health_check: {}
      # With none in good health requests are refused, not sent to whoever does not answer.
      common_lb_config: { healthy_panic_threshold: { value: 0 } }`

/** Envoy resolves names by DNS only where the cluster says so. */
function typeEdit(document: Document, name: string, given: ListenAddress): Edit {
  const text = given.kind === 'tcp' && isIP(given.host) === 0 ? 'STRICT_DNS' : 'STATIC'
  return { ...placeOf(document, [...clusterOf(document, name), 'type']), text }
}

function clusterOf(document: Document, name: string): readonly (string | number)[] {
  const clusters = document.getIn(['static_resources', 'clusters'])
  const entries = isSeq(clusters) ? clusters.items : []
  const index = entries.findIndex(entry => isMap(entry) && entry.get('name') === name)
  return ['static_resources', 'clusters', index]
}

/** The first endpoint of a cluster. */
function endpointOf(document: Document, name: string): readonly (string | number)[] {
  return [...clusterOf(document, name), 'load_assignment', 'endpoints', 0, 'lb_endpoints', 0, 'endpoint']
}

function addressEdit(document: Document, path: readonly (string | number)[], given: ListenAddress): Edit {
  return { ...placeOf(document, [...path, 'address']), text: addressText(given) }
}

function addressText(given: ListenAddress): string {
  return given.kind === 'unix'
    ? `pipe: { path: ${JSON.stringify(given.path)} }`
    : `socket_address: { address: ${hostText(given.host)}, port_value: ${given.port} }`
}

function hostText(host: string): string {
  return isIP(host) === 4 ? host : JSON.stringify(host)
}

function placeOf(document: Document, path: readonly (string | number)[]): Pick<Edit, 'start' | 'end'> {
  const node = document.getIn(path, true)
  const range = isNode(node) ? node.range : undefined
  if (!range) throw new WeirError('bug', `the bootstrap has nothing at ${path.join('.')}`)
  return { start: range[0], end: range[1] }
}
