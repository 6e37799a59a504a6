import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  closeSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8')

/** An instruction of a Dockerfile, its lines joined. */
interface Instruction {
  readonly name: string
  readonly text: string
}

interface Stage {
  readonly from: string
  readonly instructions: readonly Instruction[]
}

const stages = stagesOf(read('deploy/Dockerfile'))
const [dependencies, compiled, last] = stages

function stagesOf(text: string): readonly Stage[] {
  const lines = text
    .replaceAll(/^#.*\n/gm, '')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
  const instructions = lines.flatMap(line => {
    const [, name, rest] = /^([A-Z]+) (.*)$/.exec(line) ?? []
    return name === undefined ? [] : [{ name, text: rest! }]
  })
  return instructions.flatMap(({ name, text }, index) => {
    if (name !== 'FROM') return []
    const next = instructions.findIndex((one, at) => at > index && one.name === 'FROM')
    return [{ from: text, instructions: instructions.slice(index + 1, next < 0 ? undefined : next) }]
  })
}

function textsOf(stage: Stage | undefined, name: string): readonly string[] {
  return (stage?.instructions ?? []).filter(one => one.name === name).map(({ text }) => text)
}

describe('deploy/Dockerfile', () => {
  test('takes the Node of the packages, and is of this version', () => {
    const { version, dependencies: packages } = JSON.parse(read('package.json'))
    const image = `node:${packages.node}-trixie-slim`
    expect(stages.map(({ from }) => from)).toEqual([
      `${image} AS dependencies`,
      `${image} AS compiled`,
      image,
    ])
    expect(textsOf(last, 'LABEL').join()).toContain(`image.version="${version}"`)
  })

  test('runs as nobody, with exec forms, so that SIGTERM reaches Weir', () => {
    expect(textsOf(last, 'USER')).toEqual(['65532:65532'])
    expect(textsOf(last, 'ENTRYPOINT')).toEqual(['["node", "src/main.ts"]'])
  })

  test('compiles in the place, as the user and with the variables that it runs with', () => {
    for (const name of ['WORKDIR', 'USER', 'ENV'])
      expect(textsOf(compiled, name)).toEqual(textsOf(last, name))
    expect(textsOf(last, 'COPY').at(-1)).toBe(
      '--from=compiled --chown=65532:65532 /app/compile-cache ./compile-cache',
    )
  })

  test('is given what it copies, and nothing else', () => {
    const [everything, ...given] = read('deploy/Dockerfile.dockerignore')
      .split('\n')
      .filter(line => line !== '' && !line.startsWith('#'))
    const copied = stages
      .flatMap(stage => textsOf(stage, 'COPY'))
      .filter(text => !text.startsWith('--from'))
      .flatMap(text => text.split(' ').slice(0, -1))
    expect(everything).toBe('*')
    expect(new Set(given)).toEqual(new Set(copied.map(path => `!${path}`)))
  })
})

describe('its steps, taken by hand', () => {
  let home: string
  let app: string
  let cache: string
  beforeAll(async () => {
    home = mkdtempSync(join(tmpdir(), 'weir-image-'))
    app = join(home, 'app')
    mkdirSync(app)
    cache = join(app, 'compile-cache')
    const given = read('deploy/Dockerfile.dockerignore').matchAll(/^!(.*)$/gm)
    for (const [, path] of given) cpSync(join(ROOT, path!), join(app, path!), { recursive: true })
    for (const command of textsOf(dependencies, 'RUN')) await sh(command)
    // The folder is made for the user of the image, whom the test is not.
    const [install, ...fill] = textsOf(compiled, 'RUN')
    expect(install).toBe('install -d -o 65532 -g 65532 compile-cache')
    for (const command of fill) await sh(command)
  }, 300_000)
  afterAll(() => rmSync(home, { recursive: true, force: true }))

  /** A RUN of the Dockerfile; one that names an absolute path is none that may be run here. */
  async function sh(command: string): Promise<void> {
    if (/(?:^|[\s=>])\//.test(command)) throw new Error(`not to be run outside of an image: ${command}`)
    const env = { ...process.env, NODE_COMPILE_CACHE: cache, npm_config_prefer_offline: 'true' }
    await promisify(execFile)('sh', ['-ec', command], { cwd: app, env })
  }

  test('leave no package out that a start needs, nor one that only a checkout needs', () => {
    const packages = readdirSync(join(app, 'node_modules'))
    expect(packages).toContain('zod')
    for (const name of ['vitest', 'typescript', 'node', '.bin']) expect(packages).not.toContain(name)
    const names = readdirSync(join(app, 'node_modules'), { recursive: true }).map(String)
    expect(names.filter(name => /\.(map|d\.[mc]?ts)$/.test(name))).toEqual([])
  })

  test('leave a bill of materials of what is in the image', () => {
    const { bomFormat, components } = JSON.parse(readFileSync(join(app, 'sbom.cdx.json'), 'utf8'))
    const { dependencies: direct } = JSON.parse(read('package.json'))
    expect(bomFormat).toBe('CycloneDX')
    const names = components.map(({ name }: { name: string }) => name)
    expect(names).toEqual(expect.arrayContaining(Object.keys(direct)))
    expect(names).not.toContain('vitest')
  })

  test('make a Weir that serves, takes what was compiled and writes nothing', async () => {
    const before = filesOf(app)
    const command = JSON.parse(textsOf(last, 'CMD')[0]!).map((word: string) =>
      word.replace(/^0\.0\.0\.0:\d+$/, '127.0.0.1:0'),
    )
    const env = { ...process.env, NODE_COMPILE_CACHE: cache, NODE_DEBUG_NATIVE: 'COMPILE_CACHE' }
    // A file: Node writes these lines past its streams, and a pipe that is full would lose some.
    const lines = join(home, 'stderr')
    const stderr = openSync(lines, 'w')
    const weir = spawn(process.execPath, ['src/main.ts', ...command], {
      cwd: app,
      env,
      stdio: ['ignore', 'pipe', stderr],
    })
    closeSync(stderr)
    const ended = once(weir, 'close')
    for await (const line of createInterface({ input: weir.stdout! })) {
      const { msg, admin } = JSON.parse(line)
      if (msg !== 'serving') continue
      expect(await (await fetch(`http://${admin}/readyz`)).text()).toBe('ok')
      weir.kill('SIGTERM')
    }
    expect(await ended).toEqual([0, null])
    const said = readFileSync(lines, 'utf8')
    const kept = (file: string) => new RegExp(`${file} was accepted`)
    for (const file of ['src/main.ts', 'src/exchange/exchange.ts', 'undici/lib/api/index.js'])
      expect(said).toMatch(kept(file))
    expect(filesOf(app)).toEqual(before)
  })
})

/** Every file with its size and the time of its last change. */
function filesOf(folder: string): ReadonlyMap<string, string> {
  const files = readdirSync(folder, { recursive: true }).map(String).sort()
  return new Map(
    files.map(file => {
      const { size, mtimeMs } = statSync(join(folder, file))
      return [file, `${size} ${mtimeMs}`]
    }),
  )
}
