import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { fileOf, weir } from './command-line.ts'

const COMMANDS = ['serve', 'check', 'scan', 'envoy', 'schema', 'version']

describe('help', () => {
  it.each(['--help', '-h', 'help'])('%s lists every command', async flag => {
    const { code, out, err } = await weir([flag])
    expect([code, err]).toEqual([0, ''])
    for (const name of COMMANDS) expect(out).toContain(`  ${name} `)
  })

  it.each(COMMANDS)('of %s shows its usage and its exit codes, whatever else is there', async name => {
    const { code, out, err } = await weir([name, '--nonsense', '--help'])
    expect([code, err]).toEqual([0, ''])
    expect(out).toContain(`Usage: weir ${name}`)
    expect(out).toMatch(/Exit codes:\n {2}0 .*\n {2}1 .*\n {2}2 /)
  })
})

it.each([[], ...[...COMMANDS, 'test', 'tail'].map(name => [name])])(
  'help of %s is 80 columns wide',
  async (...args) => {
    const { out } = await weir([...args, '--help'])
    expect(out.split('\n').filter(line => line.length > 80)).toEqual([])
  },
)

describe('a command line that does not hold', () => {
  it.each<[string, readonly string[], string]>([
    ['nothing', [], 'no command is given; see weir --help'],
    ['an unknown command', ['frobnicate'], 'unknown command frobnicate; see weir --help'],
    ['a misspelt command', ['serv'], 'unknown command serv; did you mean serve?; see weir --help'],
    ['an unknown option', ['serve', '--port', '1'], 'unknown option --port; see --help'],
    ['a misspelt option', ['serve', '--lisen', 'x'], 'unknown option --lisen; did you mean --listen?'],
    ['a short option', ['serve', '-c', 'x'], 'unknown option -c; see --help'],
    ['an option without value', ['serve', '--config'], '--config needs a value'],
    ['an option before an option', ['serve', '--config', '--listen', 'a:1'], '--config needs a value'],
    ['an option twice', ['serve', '--listen', 'a:1', '--listen', 'b:2'], '--listen is given twice'],
    ['an argument too many', ['serve', 'file'], 'too many arguments; see --help'],
    ['an argument too few', ['check'], 'FILE is missing; see --help'],
    [
      'an address that is none',
      ['serve', '--listen', 'here'],
      '--listen must be host:port or unix:///absolute/path',
    ],
    ['a side that is none', ['scan', '-', '--side', 'both'], '--side must be one of input, output'],
    [
      'a format that is none',
      ['schema', '--format', 'xml'],
      '--format must be one of json, markdown, guardrails, metrics',
    ],
    ['no mode', ['envoy'], '--mode is missing: one of full-duplex, streamed, buffered'],
    [
      'a mode that is none',
      ['envoy', '--mode', 'x'],
      '--mode must be one of full-duplex, streamed, buffered',
    ],
    [
      'a socket for clients',
      ['envoy', '--mode', 'buffered', '--listen', 'unix:///a'],
      '--listen must be PORT or HOST:PORT',
    ],
    [
      'a port too high',
      ['envoy', '--mode', 'buffered', '--listen', '70000'],
      '--listen must be PORT or HOST:PORT',
    ],
    [
      'a policy that is none',
      ['scan', '-', '--policy', 'nope'],
      '--policy names no policy of the config, which has default',
    ],
    [
      'a body that is not there',
      ['scan', '/nonexistent/body'],
      'cannot read /nonexistent/body: there is no such file',
    ],
  ])('%s is one clear line and exit code 2', async (_name, args, message) => {
    expect(await weir(args)).toEqual({ code: 2, out: '', err: `weir: ${message}\n` })
  })
})

describe('weir check', () => {
  it('says ok, and what may surprise', async () => {
    const file = fileOf('policies: [{ name: p }]')
    expect(await weir(['check', file])).toEqual({
      code: 0,
      out: 'ok\nwarning: policy p: has no guardrails: its traffic passes unscanned\n',
      err: '',
    })
  })

  it('says what of a config depends on how Envoy is set', async () => {
    const rules = 'guardrails: [{ use: pii }]'
    const routed = fileOf(
      `guardrails: { pii: { kind: local-pii } }\npolicies: [{ name: a, match: { routes: [llm] }, ${rules} }, { name: b, ${rules} }]`,
    )
    const { code, out } = await weir(['check', routed])
    expect(code).toBe(0)
    expect(out).toMatch(
      /^ok\nnote: policy a: match\.routes fits only where .*`request_attributes: \[xds\.route_name\]`.*\n$/,
    )
  })

  it.each<[string, string, string, boolean]>([
    ['only some traffic has a policy', 'match: { paths: [/v1/] }', 'pass', true],
    ['what has none is denied', 'match: { paths: [/v1/] }', 'deny', false],
    ['all of it has one', 'match: {}', 'pass', false],
  ])('says what passes unseen, or not, where %s', async (_, match, unmatched, isSaid) => {
    const rules = 'guardrails: [{ use: pii }]'
    const file = fileOf(
      `guardrails: { pii: { kind: local-pii } }\npolicies: [{ name: a, ${match}, ${rules} }]\nunmatched: ${unmatched}`,
    )
    const { code, out } = await weir(['check', file])
    expect([code, out.includes('note: no policy takes everything: what none')]).toEqual([0, isSaid])
  })

  it('lists every problem with its line and path', async () => {
    const file = fileOf('unmatched: maybe\npolicies: [{ name: p, deny_code: 500 }]')
    expect(await weir(['check', file])).toEqual({
      code: 2,
      out: '',
      err: `weir: ${file}: the config has 2 problems
  line 1: unmatched: must be pass or deny
  line 2: policies.0.deny_code: must be 200, or 400 to 499 except 408, 409, 425, 429: clients retry those
`,
    })
  })

  it('reads secrets from the environment and from files', async () => {
    const config = (key: string) =>
      fileOf(`guardrails: { l: { kind: lakera, api_key: ${key} } }\npolicies: []`)
    expect((await weir(['check', config('$env://KEY')], { env: { KEY: 'canary-1' } })).code).toBe(0)
    expect((await weir(['check', config(`$secret://file${fileOf('canary-2\n')}`)])).code).toBe(0)
    const missing = await weir(['check', config('$secret://file/nonexistent/key')])
    expect([missing.code, missing.err]).toEqual([
      2,
      expect.stringContaining('cannot be read: there is no such file'),
    ])
  })

  it.each<[string, () => string, string]>([
    ['is not there', () => '/nonexistent/config', 'there is no such file'],
    ['is a directory', () => '/', 'it is a directory'],
    ['is too large', () => fileOf(`#${'x'.repeat(1_048_576)}`), 'it is larger than 1048576 bytes'],
    ['does not parse', () => fileOf('a: [\n'), 'line 2: a { or [ of a line above is not closed'],
  ])('says when the file %s', async (_name, path, message) => {
    const { code, err } = await weir(['check', path()])
    expect([code, err]).toEqual([2, expect.stringContaining(message)])
  })
})

describe('weir version', () => {
  it('prints the version of the package', async () => {
    const manifest: unknown = JSON.parse(
      readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'),
    )
    const { version } = z.object({ version: z.string() }).parse(manifest)
    for (const args of [['version'], ['--version']]) {
      expect(await weir(args)).toEqual({
        code: 0,
        out: `weir ${version} (node ${process.versions.node})\n`,
        err: '',
      })
    }
  })
})

describe('weir schema', () => {
  it('prints JSON by default', async () => {
    const { code, out } = await weir(['schema'])
    expect([code, JSON.parse(out)]).toEqual([
      0,
      expect.objectContaining({ type: 'object', additionalProperties: false }),
    ])
  })

  it('prints the reference pages', async () => {
    const pages = await Promise.all(
      ['markdown', 'guardrails'].map(format => weir(['schema', '--format', format])),
    )
    expect(pages.map(({ code, out }) => [code, out.split('\n')[0]])).toEqual([
      [0, '# Config reference'],
      [0, '# Guardrails'],
    ])
  })
})
