import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { type Document, isMap, isNode, isSeq, parseDocument } from 'yaml'
import { formatListenAddress, type ListenAddress, parseListenAddress } from '../config/address.ts'
import { WeirError } from '../errors.ts'
import { oneOf, readArguments, usage } from './arguments.ts'
import { type Command, EXIT_CODES } from './command.ts'

const MODES = ['full-duplex', 'streamed', 'buffered'] as const

/** Addresses as the bootstraps under envoy/ have them, in their comments too. */
const SHIPPED = { listen: '127.0.0.1:10000', weir: '127.0.0.1:9002', upstream: '127.0.0.1:8000' } as const

type Addresses = Readonly<Partial<Record<keyof typeof SHIPPED, ListenAddress>>>

/** `weir envoy`: a complete Envoy bootstrap on stdout. */
export const envoy: Command = {
  name: 'envoy',
  summary: 'print a complete Envoy bootstrap',
  help: `Usage: weir envoy --mode full-duplex|streamed|buffered [options]

Prints a bootstrap for \`envoy -c FILE\`, with the addresses given.

Options:
  --mode MODE          how Envoy hands bodies to Weir; full-duplex is the one to choose (Envoy 1.39 or newer)
  --listen PORT        where clients connect, PORT or HOST:PORT (default ${SHIPPED.listen})
  --weir ADDRESS       where Weir listens, HOST:PORT or unix:///path (default ${SHIPPED.weir})
  --upstream HOST:PORT where the LLM listens, plain HTTP (default ${SHIPPED.upstream})
${EXIT_CODES}`,
  async run(args, io) {
    const { options } = readArguments(args, {
      options: ['mode', 'listen', 'weir', 'upstream'],
      fewest: 0,
      most: 0,
    })
    if (options.mode === undefined) throw usage(`--mode is missing: one of ${MODES.join(', ')}`)
    const mode = oneOf('mode', options.mode, MODES)
    const addresses = readAddresses(options)
    const file = new URL(`../../envoy/${mode}.yaml`, import.meta.url)
    io.stdout(withAddresses(readFileSync(file, 'utf8'), addresses))
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
function withAddresses(text: string, { listen, weir, upstream }: Addresses): string {
  const document = parseDocument(text)
  const edits = [
    ...(listen === undefined ? [] : [addressEdit(document, ['static_resources', 'listeners', 0], listen)]),
    ...(weir === undefined ? [] : clusterEdits(document, 'weir', weir)),
    ...(upstream === undefined ? [] : clusterEdits(document, 'llm', upstream)),
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

function clusterEdits(document: Document, name: string, given: ListenAddress): Edit[] {
  const clusters = document.getIn(['static_resources', 'clusters'])
  const entries = isSeq(clusters) ? clusters.items : []
  const index = entries.findIndex(entry => isMap(entry) && entry.get('name') === name)
  const cluster = ['static_resources', 'clusters', index]
  const endpoint = ['load_assignment', 'endpoints', 0, 'lb_endpoints', 0, 'endpoint']
  // Envoy resolves names by DNS only where the cluster says so.
  const type = given.kind === 'tcp' && isIP(given.host) === 0 ? 'STRICT_DNS' : 'STATIC'
  return [
    { ...placeOf(document, [...cluster, 'type']), text: type },
    addressEdit(document, [...cluster, ...endpoint], given),
  ]
}

function addressEdit(document: Document, path: readonly (string | number)[], given: ListenAddress): Edit {
  const text =
    given.kind === 'unix'
      ? `pipe: { path: ${JSON.stringify(given.path)} }`
      : `socket_address: { address: ${hostText(given.host)}, port_value: ${given.port} }`
  return { ...placeOf(document, [...path, 'address']), text }
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
