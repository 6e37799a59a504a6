import { rmSync, writeFileSync } from 'node:fs'
import { afterEach, expect, it } from 'vitest'
import { type OpenedSnapshot, openSnapshot } from '../../../src/cli/open-snapshot.ts'
import { configRenewal } from '../../../src/cli/renew-config.ts'
import type { Snapshot } from '../../../src/config/snapshot.ts'
import { createMetrics, type Metrics } from '../../../src/telemetry/metrics.ts'
import { captureLog } from '../telemetry/lines.ts'
import { fileOf } from './command-line.ts'

let opened: OpenedSnapshot
let metrics: Metrics
afterEach(async () => {
  metrics.close()
  await opened.close()
})

/** A config with a key and a word in files. */
async function given() {
  const files: Record<'key' | 'words', string> = { key: fileOf('first-key'), words: fileOf('heron\n') }
  const config = `
guardrails:
  w: { kind: webhook, dialect: generic, url: "https://guard.example/", api_key: "$secret://file${files.key}" }
  k: { kind: keywords, words_files: ["${files.words}"] }
policies: [{ name: p, guardrails: [{ use: w }, { use: k }] }]
`
  const file = fileOf(config)
  opened = await openSnapshot({ file, env: {} })
  metrics = createMetrics()
  const { log, lines } = captureLog()
  const used: Snapshot[] = []
  const renew = configRenewal({
    opened,
    use: ({ snapshot }) => used.push(snapshot),
    telemetry: { log, metrics },
  })
  const counted = async (result: string): Promise<number> => {
    const line = `weir_renewals_total{what="config",result="${result}"} `
    const found = (await metrics.render()).split('\n').find(one => one.startsWith(line))
    return Number(found?.slice(line.length))
  }
  return { config, file, files, used, renew, lines, counted }
}

it.each([
  ['a secret', ['key'], 'secrets rotated', ['secrets']],
  ['a list', ['words'], 'lists renewed', ['lists']],
  ['both', ['key', 'words'], 'secrets rotated', ['secrets', 'lists']],
] as const)('says what has changed: %s', async (_, written, msg, changed) => {
  const { files, used, renew, lines, counted } = await given()
  for (const file of written) writeFileSync(files[file], 'another')
  expect(await renew('due')).toBe('done')
  expect(used).toHaveLength(1)
  expect(lines()).toMatchObject([{ level: 'info', msg, changed, snapshot: used[0]!.version }])
  expect(await counted('changed')).toBe(1)
})

it('says nothing where nothing has changed, and counts it', async () => {
  const { used, renew, lines, counted } = await given()
  expect(await renew('due')).toBe('done')
  expect([used, lines()]).toEqual([[], []])
  expect(await counted('unchanged')).toBe(1)
})

it('keeps what is in use where it fails, counts each failure and says each cause once', async () => {
  const { files, used, renew, lines, counted } = await given()
  expect(await counted('failed')).toBe(0)
  writeFileSync(files.key, '')
  expect([await renew('due'), await renew('due')]).toEqual(['failed', 'failed'])
  rmSync(files.words)
  expect(await renew('due')).toBe('failed')
  expect(await counted('failed')).toBe(3)
  expect(used).toEqual([])
  writeFileSync(files.key, 'first-key')
  writeFileSync(files.words, 'heron')
  expect(await renew('due')).toBe('done')
  expect(lines().map(({ level, msg, problems }) => [level, msg, problems])).toEqual([
    [
      'error',
      'config not renewed',
      [expect.stringMatching(/^line \d: guardrails\.w\.api_key: the secret is empty$/)],
    ],
    [
      'error',
      'config not renewed',
      expect.arrayContaining([
        expect.stringMatching(/^line \d: guardrails\.k\.words_files\.0: .*no such file/),
      ]),
    ],
    ['info', 'config as it was: what was wrong with its files or its Vault is over', undefined],
  ])
})

it('takes another text, and says what of it waits for the next start', async () => {
  const { config, file, used, renew, lines } = await given()
  writeFileSync(
    file,
    `server: { workers: 3, max_exchanges: 7 }\n${config.replace('name: p', 'name: another')}`,
  )
  expect(await renew('due')).toBe('done')
  expect(used.map(({ policySet }) => policySet.policies.map(({ name }) => name))).toEqual([['another']])
  expect(lines()).toMatchObject([
    { level: 'info', msg: 'config reloaded', changed: ['config'] },
    {
      level: 'warn',
      msg: 'server settings changed: they take effect at the next start',
      atNextStart: ['server.workers', 'server.max_exchanges'],
    },
  ])
})

it('tells the warnings of another text', async () => {
  const { config, file, renew, lines } = await given()
  writeFileSync(
    file,
    config
      .replace('https://guard', 'http://127.0.0.1')
      .replace('use: w }', 'use: w, action: alert, direction: output }'),
  )
  expect(await renew('due')).toBe('done')
  expect(lines()).toMatchObject([{ msg: 'config reloaded' }, { level: 'warn', msg: 'config warning' }])
})

it('goes on with the last text that holds, and says what is wrong with the newer one', async () => {
  const { config, file, files, used, renew, lines } = await given()
  writeFileSync(file, config.replace('use: w', 'use: x'))
  expect([await renew('due'), await renew('due')]).toEqual(['failed', 'failed'])
  writeFileSync(file, 'guardrails: [')
  expect(await renew('due')).toBe('failed')
  expect(used).toEqual([])
  expect(opened.origins().files.has(file)).toBe(true)
  writeFileSync(file, `${config}\n# the same, with a comment\n`)
  expect(await renew('due')).toBe('done')
  writeFileSync(files.key, 'another')
  expect(await renew('due')).toBe('done')
  expect(lines().map(({ msg, changed }) => [msg, changed])).toEqual([
    ['config not renewed', undefined],
    ['config not renewed', undefined],
    ['config as it was: what was wrong with its files or its Vault is over', undefined],
    ['secrets rotated', ['secrets']],
  ])
})

it('answers whoever asks for it, also when nothing has changed or the same is wrong', async () => {
  const { file, renew, lines } = await given()
  expect(await renew('asked')).toBe('done')
  writeFileSync(file, '')
  expect([await renew('asked'), await renew('asked')]).toEqual(['failed', 'failed'])
  expect(lines().map(({ msg }) => msg)).toEqual([
    'config unchanged',
    'config not renewed',
    'config not renewed',
  ])
})

it('looks at the files that the newest text names', async () => {
  const { config, file, files, renew } = await given()
  const other = fileOf('other-key')
  expect([...opened.origins().files.keys()]).toEqual([file, files.key, files.words])
  writeFileSync(file, config.replace(files.key, other))
  expect(await renew('due')).toBe('done')
  expect([...opened.origins().files.keys()]).toEqual([file, other, files.words])
})
