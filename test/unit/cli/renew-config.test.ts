import { rmSync, writeFileSync } from 'node:fs'
import { afterEach, expect, it } from 'vitest'
import { type OpenedSnapshot, openSnapshot } from '../../../src/cli/open-snapshot.ts'
import { configRenewal } from '../../../src/cli/renew-config.ts'
import type { Snapshot } from '../../../src/config/snapshot.ts'
import { createMetrics, type Metrics } from '../../../src/telemetry/metrics.ts'
import { createScrubber } from '../../../src/telemetry/scrub.ts'
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
  const files = { key: fileOf('first-key'), words: fileOf('heron\n') }
  const config = `
guardrails:
  w: { kind: webhook, dialect: generic, url: "https://guard.example/", api_key: "$secret://file${files.key}" }
  k: { kind: keywords, words_files: ["${files.words}"] }
policies: [{ name: p, guardrails: [{ use: w }, { use: k }] }]
`
  opened = await openSnapshot({ file: fileOf(config), env: {} })
  metrics = createMetrics()
  const { log, lines } = captureLog()
  const used: Snapshot[] = []
  const renew = configRenewal({
    opened,
    use: snapshot => used.push(snapshot),
    scrubber: createScrubber(),
    telemetry: { log, metrics },
  })
  const counted = async (result: string): Promise<number> => {
    const line = `weir_renewals_total{what="config",result="${result}"} `
    const found = (await metrics.render()).split('\n').find(one => one.startsWith(line))
    return Number(found?.slice(line.length))
  }
  return { files, used, renew, lines, counted }
}

it.each([
  ['a secret', ['key'], 'secrets rotated', ['secrets']],
  ['a list', ['words'], 'lists renewed', ['lists']],
  ['both', ['key', 'words'], 'secrets rotated', ['secrets', 'lists']],
] as const)('says what has changed: %s', async (_, written, msg, changed) => {
  const { files, used, renew, lines, counted } = await given()
  for (const file of written) writeFileSync(files[file], 'another')
  expect(await renew()).toBe('done')
  expect(used).toHaveLength(1)
  expect(lines()).toMatchObject([{ level: 'info', msg, changed, snapshot: used[0]!.version }])
  expect(await counted('changed')).toBe(1)
})

it('says nothing where nothing has changed, and counts it', async () => {
  const { used, renew, lines, counted } = await given()
  expect(await renew()).toBe('done')
  expect([used, lines()]).toEqual([[], []])
  expect(await counted('unchanged')).toBe(1)
})

it('keeps what is in use where it fails, counts each failure and says each cause once', async () => {
  const { files, used, renew, lines, counted } = await given()
  expect(await counted('failed')).toBe(0)
  writeFileSync(files.key, '')
  expect([await renew(), await renew()]).toEqual(['failed', 'failed'])
  rmSync(files.words)
  expect(await renew()).toBe('failed')
  expect(await counted('failed')).toBe(3)
  expect(used).toEqual([])
  writeFileSync(files.key, 'first-key')
  writeFileSync(files.words, 'heron')
  expect(await renew()).toBe('done')
  expect(lines().map(({ level, msg, problems }) => [level, msg, problems])).toEqual([
    ['error', 'config not renewed', ['guardrails.w.api_key: the secret is empty']],
    [
      'error',
      'config not renewed',
      expect.arrayContaining([expect.stringMatching(/^guardrails\.k\.words_files\.0: .*ENOENT/)]),
    ],
    ['info', 'config as it was: what was wrong with its files or its Vault is over', undefined],
  ])
})
