import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'

const run = promisify(execFile)
const ROOT = join(import.meta.dirname, '../../../..')

/** Writes the URL of each module of the AWS SDK that is loaded, imported or required, to standard error. */
const WATCH = `data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from 'node:module'
  registerHooks({
    load(url, context, next) {
      if (/node_modules\\/@(?:aws-sdk|smithy)\\//.test(url)) process.stderr.write('LOADED ' + url + '\\n')
      return next(url, context)
    },
  })
`)}`

async function loadedBy(...args: readonly string[]): Promise<readonly string[]> {
  const { stderr } = await run(process.execPath, ['--import', WATCH, ...args], { cwd: ROOT })
  return stderr.split('\n').filter(line => line.startsWith('LOADED '))
}

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'weir-loading-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

function config(guardrail: string): string {
  const path = join(folder, 'weir.yaml')
  writeFileSync(
    path,
    `guardrails: { guard: ${guardrail} }\npolicies: [{ name: all, guardrails: [{ use: guard }] }]\n`,
  )
  return path
}

test('the command line does not load the AWS SDK', async () => {
  expect(await loadedBy('src/main.ts', 'version')).toEqual([])
})

test.each([
  ['without bedrock', '{ kind: local-pii }'],
  [
    'with bedrock, before its first scan',
    '{ kind: bedrock, guardrail_id: gr1, guardrail_version: "1", region: eu-west-1, credentials: chain }',
  ],
])('neither does a config %s', async (_, guardrail) => {
  expect(await loadedBy('src/main.ts', 'check', config(guardrail))).toEqual([])
})

test('credentials do', async () => {
  const identity = { source: 'env', region: 'eu-west-1', roleSessionName: 'weir' }
  const script = `
    const { keysFromSdk } = await import('./src/aws/sdk-keys.ts')
    await keysFromSdk(${JSON.stringify(identity)}).catch(() => {})
  `
  const loaded = await loadedBy('--input-type=module', '--eval', script)
  expect(loaded.filter(line => line.includes('@aws-sdk/credential-providers'))).not.toEqual([])
})
