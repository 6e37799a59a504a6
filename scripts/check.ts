/**
 * What CI runs, in order. Every step runs even when an earlier one failed, so that one run shows all there is to
 * mend. The last line counts the tests, `N passed, N failed`; the exit code is 1 when any step failed.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { z } from 'zod'

const STEPS = [
  { name: 'format and lint', script: 'lint' },
  { name: 'types', script: 'types' },
  { name: 'doors', script: 'doors' },
  { name: 'dead code', script: 'dead' },
] as const

/** The part of vitest's JSON report that is counted. */
const report = z.looseObject({
  numPassedTests: z.number(),
  numFailedTests: z.number(),
  testResults: z.array(
    z.looseObject({
      name: z.string(),
      status: z.string(),
      message: z.string(),
      assertionResults: z.array(
        z.looseObject({ status: z.string(), fullName: z.string(), failureMessages: z.array(z.string()) }),
      ),
    }),
  ),
})
type FileReport = z.output<typeof report>['testResults'][number]

/** Characters of what is said of a failed test at the end; all of it stands further up. */
const SAID = 300

interface TestRun {
  readonly ok: boolean
  readonly passed: number
  readonly failed: number
  /** What failed and with which words, shortly: a log that is cut at its beginning must still say it. */
  readonly failures: readonly string[]
}

const failures: string[] = []
for (const step of STEPS) {
  if (!(await runStep(step.name, ['run', '--silent', step.script]))) failures.push(step.name)
}
const tests = await runTests()
if (!tests.ok) failures.push('tests')

for (const failure of tests.failures) console.log(failure)
console.log(failures.length > 0 ? `\ncheck failed: ${failures.join(', ')}` : '\ncheck passed')
console.log(`${tests.passed} passed, ${tests.failed} failed`)
process.exitCode = failures.length > 0 ? 1 : 0

async function runStep(name: string, npmArgs: readonly string[]): Promise<boolean> {
  console.log(`\n== ${name}`)
  const startedMs = performance.now()
  const child = spawn('npm', npmArgs, { stdio: ['ignore', 'inherit', 'inherit'] })
  const [code] = await once(child, 'close')
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1)
  console.log(code === 0 ? `ok, ${seconds} s` : `FAILED, ${seconds} s`)
  return code === 0
}

async function runTests(): Promise<TestRun> {
  const folder = await mkdtemp(join(tmpdir(), 'weir-check-'))
  try {
    const file = join(folder, 'report.json')
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`]
    const ok = await runStep('tests', ['run', '--silent', 'test', '--', ...reporters])
    return count(ok, await readFile(file, 'utf8').catch(() => undefined))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function count(ok: boolean, json: string | undefined): TestRun {
  if (json === undefined) return { ok: false, passed: 0, failed: 1, failures: ['the tests left no report'] }
  const { numPassedTests, testResults } = report.parse(JSON.parse(json))
  const failures = testResults.flatMap(failuresOf)
  const failed = failures.length
  return { ok: ok && failed === 0 && numPassedTests > 0, passed: numPassedTests, failed, failures }
}

/** A file that could not even be loaded has no test to fail: it counts as one. */
function failuresOf({ name, status, message, assertionResults }: FileReport): readonly string[] {
  const file = relative(process.cwd(), name)
  const failed = assertionResults.filter(test => test.status === 'failed')
  if (status === 'failed' && failed.length === 0) return [`\nFAILED ${file}\n${shortly(message)}`]
  return failed.map(
    ({ fullName, failureMessages }) =>
      `\nFAILED ${file}: ${fullName}\n${shortly(failureMessages.join('\n'))}`,
  )
}

function shortly(message: string): string {
  return stripVTControlCharacters(message).slice(0, SAID)
}
