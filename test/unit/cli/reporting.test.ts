import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openReporting, type Reporting } from '../../../src/cli/reporting.ts'
import { createScrubber } from '../../../src/telemetry/scrub.ts'
import { snapshotOf } from '../../support/config.ts'
import { captureLog } from '../telemetry/lines.ts'
import { recordOf } from '../telemetry/records.ts'

let folder: string
let file: string
let reporting: Reporting | undefined
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weir-reporting-'))
  file = join(folder, 'decisions.log')
})
afterEach(async () => {
  await reporting?.close()
  reporting = undefined
  rmSync(folder, { recursive: true })
})

/** What a process with this `server` reports by. */
async function open(server: string, worker?: number): Promise<Reporting> {
  const snapshot = snapshotOf(`server: ${server}\npolicies: []`)
  reporting = await openReporting(snapshot, {
    ...{ env: {}, log: captureLog().log, scrubber: createScrubber(), worker },
  })
  return reporting
}

const withFile = (more = ''): string => `{ log: { level: info, decisions: { file: ${file} ${more} } } }`
const decide = ({ telemetry }: Reporting): void => telemetry.decision(recordOf(), 1, undefined)
const linesIn = (path: string): number => readFileSync(path, 'utf8').split('\n').length - 1

test('a process that is about to end writes the decisions that wait for their file', async () => {
  const opened = await open(withFile())
  for (let count = 0; count < 3; count++) decide(opened)
  opened.flushSync()
  expect(linesIn(file)).toBe(3)
})

test('a file that was moved away is begun anew, and one that is closed has all', async () => {
  const opened = await open(withFile())
  decide(opened)
  opened.flushSync()
  renameSync(file, `${file}.moved`)
  opened.reopenFile()
  decide(opened)
  decide(opened)
  await opened.close()
  reporting = undefined
  expect([linesIn(`${file}.moved`), linesIn(file)]).toEqual([1, 2])
})

test('the file is for whom its octal mode says', async () => {
  await open(withFile(', mode: "0640"'))
  expect(statSync(file).mode & 0o777).toBe(0o640)
})

test.each([
  ['true', '.1.gz'],
  ['false', '.1'],
])('rotated ones are compressed where that is wanted: %s', async (compress, ending) => {
  for (let time = 0; time < 2; time++) {
    const opened = await open(withFile(`, rotate_bytes: 4096, compress: ${compress}`))
    for (let count = 0; count < 40; count++) decide(opened)
    await opened.close()
  }
  reporting = undefined
  expect(existsSync(`${file}${ending}`)).toBe(true)
})

test('a file that cannot be opened is told by its place in the config', async () => {
  writeFileSync(join(folder, 'plain'), '')
  file = join(folder, 'plain', 'decisions.log')
  await expect(open(withFile())).rejects.toMatchObject({
    code: 'bad-config',
    problems: [{ path: 'server.log.decisions.file', message: expect.stringMatching(/ENOTDIR|EEXIST/) }],
  })
})

test('decisions are kept for a console, where there is one, with the worker that made them', async () => {
  const without = await open('{ console: { access: none } }')
  expect(without.ring).toBeUndefined()
  await without.close()
  const opened = await open('{ console: { access: read_only } }', 3)
  decide(opened)
  const lines = opened.ring?.after(0, 10).lines.map(({ line }) => JSON.parse(line))
  expect(lines).toMatchObject([{ worker: 3, effective: 'released' }])
})

test('how asking goes is counted, and the snapshot in use is told', async () => {
  const opened = await open('{}')
  opened.serviceEvent('guard', 'cache-hit')
  const page = await opened.telemetry.metrics.render()
  expect(page).toMatch(/^weir_verdict_cache_\w+\{.*guardrail="guard".*\} 1$/m)
  expect(page).toMatch(/^weir_snapshot_info\{version="[0-9a-f]+"\} 1$/m)
})
