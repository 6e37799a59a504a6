import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { performance } from 'node:perf_hooks'
import { contentCodings } from '../coding/codings.ts'
import { readConfigFile } from '../config/files.ts'
import { closestWord } from '../config/hints.ts'
import { type ConfigProblem, WeirError } from '../errors.ts'
import type { PolicySet } from '../policy/policy.ts'
import type { CasesFile, PolicyCase } from '../rehearsal/case-schema.ts'
import { loadCases, requestOf, responseOf } from '../rehearsal/cases.ts'
import { missesOf } from '../rehearsal/expectations.ts'
import { play } from '../rehearsal/play.ts'
import { type Services, withRecorded } from '../rehearsal/recorded.ts'
import { oneOf, readArguments, usage } from './arguments.ts'
import type { Command, CommandIo } from './command.ts'
import { openSnapshot } from './open-snapshot.ts'

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
  --services HOW  recorded: a service that a case does not answer for fails the case (the default);
                  live: it is asked, with the config's keys

Exit codes:
  0  every case came to what it expects
  1  at least one did not
  2  the command line, the cases or the config do not hold
`,
  async run(args, io) {
    const { options, positionals } = readArguments(args, {
      options: ['config', 'only', 'services'],
      fewest: 1,
      most: 1,
    })
    const file = positionals[0]!
    const services = oneOf('services', options.services ?? 'recorded', ['recorded', 'live'])
    const cases = loadCases(readConfigFile(file))
    const config = options.config ?? (cases.config && resolve(dirname(file), cases.config))
    const secrets = services === 'live' ? 'resolved' : 'stand-in'
    const { snapshot, close } = await openSnapshot({ file: config, env: io.env, secrets })
    try {
      checkNames(cases, new Set(snapshot.guardrails.keys()))
      const chosen = cases.cases.filter(({ name }) => name.includes(options.only ?? ''))
      if (chosen.length === 0) throw usage('--only takes no case')
      return await playAll({ file, cases, chosen, policySet: snapshot.policySet, services }, io)
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
  let failed = 0
  for (const one of run.chosen) {
    const misses = await playCase(one, run)
    if (misses.length > 0) failed += 1
    const mark = misses.length === 0 ? '✓' : '✗'
    io.stdout([`${mark} ${one.name}`, ...misses.map(miss => `    ${miss}`), ''].join('\n'))
  }
  io.stdout(`\n${run.chosen.length - failed} passed, ${failed} failed\n`)
  return failed === 0 ? 0 : 1
}

/** What a case missed; one sentence each. */
async function playCase(one: PolicyCase, run: Run): Promise<readonly string[]> {
  const { policySet, services, cases, file } = run
  const readBody = (path: string): Promise<Uint8Array> => readCaseFile(resolve(dirname(file), path))
  const recorded = withRecorded(policySet, { ...cases.guardrails, ...one.guardrails }, services)
  const request = await requestOf(one, readBody)
  const response = await responseOf(one, Buffer.concat(request.chunks), policySet, readBody)
  const played = await play({
    policySet: recorded.policySet,
    codings: contentCodings,
    policyName: one.request.policy,
    route: one.request.route,
    request,
    response,
    clock: () => performance.now(),
    unixSeconds: 0,
  })
  return missesOf(one.expect, played, recorded.asked)
}

async function readCaseFile(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path)
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'failed'
    throw usage(`cannot read ${path} (${code})`)
  }
}
