import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { performance } from 'node:perf_hooks'
import { contentCodings } from '../coding/codings.ts'
import { fileFailure } from '../config/file-failure.ts'
import { readConfigFile } from '../config/files.ts'
import { closestWord } from '../config/hints.ts'
import { inFile } from '../config/problem-lines.ts'
import { type ConfigProblem, WeirError } from '../errors.ts'
import type { PolicySet } from '../policy/policy.ts'
import { type CasesFile, MODES, type Mode, type PolicyCase } from '../rehearsal/case-schema.ts'
import { loadCases, requestOf, responseOf } from '../rehearsal/cases.ts'
import { missesOf } from '../rehearsal/expectations.ts'
import { play } from '../rehearsal/play.ts'
import { type Services, withRecorded } from '../rehearsal/recorded.ts'
import { Recording } from '../rehearsal/recording.ts'
import { oneOf, readArguments, usage } from './arguments.ts'
import type { Command, CommandIo } from './command.ts'
import { openSnapshot } from './open-snapshot.ts'
import { type CaseResult, createReporter, REPORTERS, type Reporter } from './test-report.ts'

/** `weir test`: whether a config does to given exchanges what is expected of it. */
export const test: Command = {
  name: 'test',
  summary: 'play requests and responses against a config, and compare',
  help: `Usage: weir test FILE [options]

Plays each case of a YAML file, a request and what the upstream answers to it, against a config, as serving it would, and
compares what comes of it with what the case expects. Guard services answer as the cases say and are not asked, so that
no key and no network is needed; local guardrails judge as always. docs/en/policy-tests.md has the form of a file.

Options:
  --config FILE   the config; goes before the one that the file names; without either the embedded one
  --only TEXT     only the cases whose name holds this text
  --mode MODE     full-duplex (the default), streamed, buffered or all: how Envoy is set, in cases that do not say it
  --services HOW  recorded: a service answers as the case says, or as it was recorded; else the case fails (the default);
                  record: it is asked, with the config's keys, and its verdicts are written beside the cases;
                  live: it is asked, and nothing is written
  --reporter HOW  text (the default), or junit: XML for CI systems

Exit codes:
  0  every case came to what it expects
  1  at least one did not, or a service that was to be recorded gave no verdict
  2  the command line, the cases or the config do not hold
`,
  async run(args, io) {
    const { options, positionals } = readArguments(args, {
      options: ['config', 'mode', 'only', 'reporter', 'services'],
      fewest: 1,
      most: 1,
    })
    const file = positionals[0]!
    const services = oneOf('services', options.services ?? 'recorded', ['recorded', 'record', 'live'])
    const mode = oneOf('mode', options.mode ?? 'full-duplex', [...MODES, 'all'])
    const reporter = oneOf('reporter', options.reporter ?? 'text', REPORTERS)
    const text = readConfigFile(file, 'the file of cases')
    const cases = toldByLine(file, text, () => loadCases(text))
    const config = options.config ?? (cases.config && resolve(dirname(file), cases.config))
    const secrets = services === 'recorded' ? 'stand-in' : 'resolved'
    const { snapshot, close } = await openSnapshot({ file: config, env: io.env, secrets })
    try {
      toldByLine(file, text, () => checkNames(cases, new Set(snapshot.guardrails.keys())))
      const chosen = cases.cases.filter(({ name }) => name.includes(options.only ?? ''))
      if (chosen.length === 0) throw usage('--only takes no case')
      const recordingFile = `${file.replace(/\.ya?ml$/, '')}.recorded.json`
      // Anew where all is played: what no case asks any more goes.
      const isAnew = services === 'record' && chosen.length === cases.cases.length
      const run: Run = {
        file,
        cases,
        chosen,
        modes: mode === 'all' ? MODES : [mode],
        policySet: snapshot.policySet,
        services,
        recording: isAnew ? Recording.empty() : readRecording(recordingFile),
        reporter: createReporter(reporter, file, io),
      }
      const code = await playAll(run, io)
      if (services === 'record') writeRecording(recordingFile, run.recording)
      return code
    } finally {
      await close()
    }
  },
}

interface Run {
  readonly file: string
  readonly cases: CasesFile
  readonly chosen: readonly PolicyCase[]
  readonly policySet: PolicySet
  readonly services: Services
  /** For cases that do not say theirs. */
  readonly modes: readonly Mode[]
  readonly recording: Recording
  readonly reporter: Reporter
}

/** Does what may find something wrong with the file of cases, which is then told by its lines. */
function toldByLine<T>(file: string, text: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw inFile(error, file, text)
  }
}

/** A name that no guardrail has would make an expectation that always holds. */
function checkNames({ guardrails, cases }: CasesFile, known: ReadonlySet<string>): void {
  const named = [
    ['guardrails', Object.keys(guardrails ?? {})] as const,
    ...cases.flatMap(({ guardrails: own, expect }, index) => [
      [`cases.${index}.guardrails`, Object.keys(own ?? {})] as const,
      [`cases.${index}.expect.asked`, expect.asked ?? []] as const,
      [`cases.${index}.expect.not_asked`, expect.not_asked ?? []] as const,
    ]),
  ]
  const problems = named.flatMap(([path, names]) =>
    names.filter(name => !known.has(name)).map(name => problemOf(path, name, known)),
  )
  if (problems.length > 0) throw new WeirError('bad-config', 'the cases do not fit the config', { problems })
}

function problemOf(path: string, name: string, known: ReadonlySet<string>): ConfigProblem {
  const meant = closestWord(name, [...known])
  const hint = meant === undefined ? '' : `; did you mean ${meant}?`
  return { path: `${path}.${name}`, message: `the config has no such guardrail${hint}` }
}

async function playAll(run: Run, io: CommandIo): Promise<0 | 1> {
  const results: CaseResult[] = []
  for (const one of run.chosen) {
    const modes = one.modes ?? run.cases.modes ?? run.modes
    for (const mode of modes) {
      const startedMs = performance.now()
      const misses = await playCase(one, mode, run)
      const name = modes.length === 1 ? one.name : `${one.name} (${mode})`
      const result = { name, misses, ms: performance.now() - startedMs }
      results.push(result)
      io.stdout(run.reporter.add(result))
    }
  }
  io.stdout(run.reporter.end(results))
  return results.every(({ misses }) => misses.length === 0) ? 0 : 1
}

/** What a case missed; one sentence each. */
async function playCase(one: PolicyCase, mode: Mode, run: Run): Promise<readonly string[]> {
  const { policySet, services, cases, file, recording } = run
  const readBody = (path: string): Promise<Uint8Array> => readCaseFile(resolve(dirname(file), path))
  const recorded = withRecorded(policySet, { ...cases.guardrails, ...one.guardrails }, services, recording)
  const request = await requestOf(one, readBody)
  const response = await responseOf(one, Buffer.concat(request.chunks), policySet, readBody)
  const played = await play({
    mode,
    policySet: recorded.policySet,
    codings: contentCodings,
    policyName: one.request.policy,
    route: one.request.route,
    request,
    response,
    clock: () => performance.now(),
    unixSeconds: 0,
  })
  return [...(await recording.settled()), ...missesOf(one.expect, played, recorded.asked)]
}

/** Empty where there is none. */
function readRecording(path: string): Recording {
  return existsSync(path) ? Recording.read(readFileSync(path, 'utf8')) : Recording.empty()
}

function writeRecording(path: string, recording: Recording): void {
  try {
    writeFileSync(path, recording.text())
  } catch (cause) {
    throw usage(`cannot write ${path}: ${fileFailure(cause)}`)
  }
}

async function readCaseFile(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path)
  } catch (cause) {
    throw usage(`cannot read ${path}: ${fileFailure(cause)}`)
  }
}
