import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { formatTable } from '../../src/llm/formats.ts'
import { EXAMPLE_KEY } from '../guardrails/example-rows.ts'
import { keysFor } from '../guardrails/example-run.ts'
import { weir } from '../unit/cli/command-line.ts'
import { configsIn, FILES, pathOf, textOf } from './files.ts'

const CONFIGS = ['apis', 'guards', 'situations'].flatMap(configsIn)
const index = textOf('README.md')

const folder = mkdtempSync(join(tmpdir(), 'weir-examples-'))
const key = join(folder, 'key')
writeFileSync(key, EXAMPLE_KEY)
afterAll(() => rmSync(folder, { recursive: true }))

test('each file is one that a test here runs, or that such a file names', () => {
  const run = [
    ...CONFIGS.map(name => `${name}.yaml`),
    ...configsIn('apis').map(name => `${name}.sh`),
    ...[...configsIn('guards'), ...configsIn('situations')].map(name => `${name}.cases.yaml`),
    'guards/confidential.txt',
    'README.md',
  ]
  expect(FILES).toEqual(run.sort())
  expect(textOf('guards/keywords.yaml')).toContain('[examples/guards/confidential.txt]')
})

test('the index names each config once, and nothing that is not there', () => {
  const named = [...index.matchAll(/\]\(([\w/.-]+)\)/g)].flatMap(([, target = '']) => target)
  const here = named.filter(target => !target.startsWith('../'))
  expect(here.sort()).toEqual(CONFIGS.map(name => `${name}.yaml`).sort())
})

test('the index has every API that Weir understands', () => {
  const apis = formatTable()
    .split('\n')
    .slice(2)
    .map(row => row.split('|')[1]?.trim())
  const missing = apis.filter(api => !index.includes(`| ${api} |`))
  expect(missing, 'each wants a .yaml and a .sh in examples/apis/, and a row in examples/README.md').toEqual(
    [],
  )
})

describe.each(CONFIGS)('%s', name => {
  test('passes `weir check` without a warning, once its keys are there', async () => {
    const yaml = textOf(`${name}.yaml`)
    const config = join(folder, 'weir.yaml')
    writeFileSync(config, yaml.replaceAll(/\$secret:\/\/file\/[\w/-]+/g, `$secret://file${key}`))
    const { code, out, err } = await weir(['check', config], { env: keysFor(yaml) })
    expect({ code, out: out.replaceAll(/^note: .*\n/gm, ''), err }).toEqual({ code: 0, out: 'ok\n', err: '' })
  })

  if (name.startsWith('apis/')) return
  test('does what its cases expect', async () => {
    const { code, out, err } = await weir(['test', pathOf(`${name}.cases.yaml`)])
    expect({ code, err }, out).toEqual({ code: 0, err: '' })
    expect(textOf(`${name}.cases.yaml`)).toMatch(new RegExp(`^config: ${name.split('/')[1]}\\.yaml\n`))
  })
})
